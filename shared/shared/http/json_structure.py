"""What is known of JSON before anything is built from it: how many values, how deep, whether a key stands twice."""

import re
from collections.abc import Iterable

from pydantic_core import from_json

from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest, place
from shared.http.request_body import SMALL_BYTES, BodyTooLarge

MAX_VALUES = 4096
"""Values in a body, where a route does not say something else: the largest, a batch, has 256 texts."""

MAX_DEPTH = 64
"""Arrays and objects within each other."""

TOKEN = re.compile(
    rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|,(?:[\s\d.eE+-]{0,40}+,){0,255}+|[\[\]{}:NI]',  # the second: numbers in a row
    re.DOTALL,
)
"""What JSON is made of, but for numbers, literals and white space. No N and no I stands outside of a string, except at
the beginning of NaN and Infinity."""

QUOTE, COMMA, COLON, OBJECT = b'",:{'
OPENING, CLOSING = frozenset(b"[{"), frozenset(b"]}")


def check_structure(  # noqa: C901 - one loop over the kinds of tokens, on the way of every request
    body: bytes, max_values: int = MAX_VALUES, max_depth: int = MAX_DEPTH
) -> None:
    """What must be known before anything is built from a body. Raises BodyTooLarge, InvalidRequest.

    It stops at the first fault, so a body of millions of empty objects costs no more than MAX_VALUES of them. Whether
    this is JSON at all is for the parser to say.
    """
    values, open_objects, key = 1, list[set[bytes] | None](), b""
    for token in tokens_of(body):
        kind = token[0]
        if kind == QUOTE:
            key = token
        elif kind == COMMA:
            values += token.count(b",")
            if values > max_values:
                raise too_many(max_values)
        elif kind == COLON:
            if open_objects and (keys := open_objects[-1]) is not None:
                note_key(keys, key)
        elif kind in OPENING:
            values += 1
            if values > max_values:
                raise too_many(max_values)
            open_objects.append(set() if kind == OBJECT else None)
            if len(open_objects) > max_depth:
                raise InvalidRequest([FieldError(location="body", message=f"has more than {max_depth} levels")])
        elif kind in CLOSING:
            if open_objects:
                open_objects.pop()
        else:
            raise InvalidRequest([FieldError(location="body", message="NaN and Infinity are no JSON")])


def too_many(max_values: int) -> BodyTooLarge:
    """A 413 that says the bound."""
    return BodyTooLarge(f"The body may have at most {max_values} values.")


def tokens_of(body: bytes) -> Iterable[bytes]:
    """The tokens of a body; of a large one as they are asked for."""
    if len(body) <= SMALL_BYTES:
        return TOKEN.findall(body)
    return (match.group() for match in TOKEN.finditer(body))


def note_key(keys: set[bytes], key: bytes) -> None:
    """Remembers a key of an object. Raises InvalidRequest when it stands there already, however it is spelled."""
    if b"\\" in key:
        try:
            key = b'"' + from_json(key).encode("utf-8", "surrogatepass") + b'"'
        except ValueError:
            return  # no JSON, as the parser will say
    if key in keys:
        name = key[1:-1].decode("utf-8", "replace")
        raise InvalidRequest([FieldError(location=place(("body", name)), message="stands there twice")])
    keys.add(key)
