"""What is known of JSON before anything is built from it: how many values, how deep, whether a key stands twice."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from pydantic_core import from_json

from shared.contracts.problem import FieldError
from shared.http.problems import InvalidRequest, place
from shared.http.request_body import SMALL_BYTES, BodyTooLarge

MAX_VALUES = 4096
"""Values in a body, where a route does not say something else: the largest, a batch, has 256 texts."""

MAX_TENSOR_VALUES = 262_144
"""The same where inputs may be tensors."""

MAX_DEPTH = 64
"""Arrays and objects within each other."""

TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'

TOKEN = re.compile(
    TEXT + rb"|,(?:[\s\d.eE+-]{0,40}+,){0,255}+|[\[\]{}:NI]",  # the second: numbers in a row
    re.DOTALL,
)
"""What JSON is made of, but for numbers, literals and white space. No N and no I stands outside of a string, except at
the beginning of NaN and Infinity."""

ONE_TEXT = re.compile(rb"\s*+\{\s*+" + TEXT + rb"\s*+:\s*+" + TEXT + rb"\s*+\}\s*+", re.DOTALL)
"""What most bodies are, an object with one text in it: no key can stand twice there."""

QUOTE, COMMA, COLON, OBJECT = b'",:{'
OPENING, CLOSING = frozenset(b"[{"), frozenset(b"]}")


def check_structure(  # noqa: C901 - one loop over the kinds of tokens, on the way of every request
    body: bytes, max_values: int = MAX_VALUES, max_depth: int = MAX_DEPTH
) -> None:
    """What must be known before anything is built from a body. Raises BodyTooLarge, InvalidRequest.

    It stops at the first fault, so a body of millions of empty objects costs no more than MAX_VALUES of them. Whether
    this is JSON at all is for the parser to say.
    """
    if ONE_TEXT.fullmatch(body):
        return
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
            if open_objects and (keys := open_objects[-1]) is not None and not note_key(keys, key):
                where = place(("body", *path_of_repeated_key(body)))
                raise InvalidRequest([FieldError(location=where, message="stands there twice")])
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


def note_key(keys: set[bytes], key: bytes) -> bool:
    """Remembers a key of an object; False when it stands there already, however it is spelled."""
    if b"\\" in key:
        try:
            key = b'"' + from_json(key).encode("utf-8", "surrogatepass") + b'"'
        except ValueError:
            return True  # no JSON, as the parser will say
    if key in keys:
        return False
    keys.add(key)
    return True


@dataclass(slots=True)
class Place:
    """Where one is in an array or an object: `at` its element, or its key."""

    keys: set[bytes] | None
    at: int | str


def path_of_repeated_key(body: bytes) -> list[int | str]:
    """Where a body's first key stands that its object has already. Read anew, so that nobody else pays for paths."""
    places, key = list[Place](), b""
    for token in tokens_of(body):
        kind = token[0]
        if kind == QUOTE:
            key = token
        elif kind == COMMA and places and isinstance(places[-1].at, int):
            places[-1].at += token.count(b",")
        elif kind == COLON and places and (keys := places[-1].keys) is not None:
            places[-1].at = key_name(key)
            if not note_key(keys, key):
                break
        elif kind in OPENING:
            places.append(Place(set(), "") if kind == OBJECT else Place(None, 0))
        elif kind in CLOSING and places:
            places.pop()
    return [one.at for one in places]


def key_name(key: bytes) -> str:
    """A key as it is meant; as it is spelled, where that is no JSON."""
    try:
        return str(from_json(key))
    except ValueError:
        return key[1:-1].decode("utf-8", "replace")
