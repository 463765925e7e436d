"""From the bytes of a body to a validated model: strict JSON, and an answer that says what is wrong and where.

JSON's own types hold: a boolean or a string is no number, NaN and Infinity are no JSON, no key stands twice, and what
nobody knows is refused by name instead of being ignored. A byte order mark is passed over.
"""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails, from_json

from shared.contracts.problem import FieldError
from shared.http.request_body import MAX_BYTES, SMALL_BYTES, BodyTooLarge, UnreadableBody
from shared.runtime.problems import MAX_REPORTED_ERRORS, InvalidRequest, place

MAX_VALUES = 4096
"""Values in a body, where a route does not say something else: the largest, a batch, has 256 texts."""

MAX_DEPTH = 64
"""Arrays and objects within each other."""

TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[\]{},:NI]', re.DOTALL)
"""What JSON is made of, but for numbers, literals and white space. No N and no I stands outside of a string, except at
the beginning of NaN and Infinity."""

HALF_CHARACTER = "hex escape"
"""Part of what the parser says of half a character."""

QUOTE, COMMA, COLON, OBJECT = b'",:{'
OPENING, CLOSING = frozenset(b"[{"), frozenset(b"]}")

Model = TypeVar("Model")


class JsonBody(Generic[Model]):
    """Reads bodies of one type."""

    def __init__(self, model: type[Model], max_values: int = MAX_VALUES) -> None:
        self._adapter = TypeAdapter(model)
        self._max_values = max_values
        fields = model.model_fields if isinstance(model, type) and issubclass(model, BaseModel) else {}
        self._names = [field.alias or name for name, field in fields.items()]

    def parse(self, body: bytes) -> Model:
        """The model. Raises InvalidRequest, UnreadableBody, BodyTooLarge."""
        body = body.removeprefix(BOM_UTF8)
        check_structure(body, self._max_values)
        try:
            return self._adapter.validate_json(body, strict=True)
        except ValidationError as error:
            check_utf8(body)
            if HALF_CHARACTER in error.errors(include_url=False)[0]["msg"] and len(body) <= MAX_BYTES:
                return self._with_half_characters(body, error)
            raise self._refusal(error) from error

    def _with_half_characters(self, body: bytes, first_error: ValidationError) -> Model:
        """The model of JSON that spells half a character (a lone surrogate), which Python's own parser takes.

        Then whoever has the text says which one it is, and in a batch it costs the others nothing. Raises
        InvalidRequest.
        """
        try:
            return self._adapter.validate_python(json.loads(body), strict=True)
        except ValidationError as error:
            raise self._refusal(error) from error
        except ValueError:
            raise self._refusal(first_error) from first_error

    def _refusal(self, error: ValidationError) -> InvalidRequest:
        """Every fault with its place."""
        faults = error.errors(include_url=False, include_context=False)[:MAX_REPORTED_ERRORS]
        return InvalidRequest([self._described(fault) for fault in faults])

    def _described(self, fault: ErrorDetails) -> FieldError:
        """A fault with its place, never with its value."""
        location = fault["loc"]
        if fault["type"] == "json_invalid":
            return FieldError(location="body", message="is missing" if not fault["input"] else fault["msg"])
        message = fault["msg"]
        if fault["type"] == "extra_forbidden":
            message = unknown("field", str(location[-1]), self._names if len(location) == 1 else ())
        return FieldError(location=place(("body", *location)), message=message)


def check_utf8(body: bytes) -> None:
    """Raises UnreadableBody for bytes that are no text."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"The body is not UTF-8: see byte {error.start}.") from None


def check_structure(body: bytes, max_values: int = MAX_VALUES, max_depth: int = MAX_DEPTH) -> None:
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
            values += 1
            if values > max_values:
                raise BodyTooLarge(f"The body may have at most {max_values} values.")
        elif kind == COLON:
            if open_objects and (keys := open_objects[-1]) is not None:
                note_key(keys, key)
        elif kind in OPENING:
            values += 1
            open_objects.append(set() if kind == OBJECT else None)
            if len(open_objects) > max_depth:
                raise InvalidRequest([FieldError(location="body", message=f"has more than {max_depth} levels")])
        elif kind in CLOSING:
            if open_objects:
                open_objects.pop()
        else:
            raise InvalidRequest([FieldError(location="body", message="NaN and Infinity are no JSON")])


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


def unknown(kind: str, name: str, known: Iterable[str]) -> str:
    """`unknown field; did you mean 'model_name'?`"""
    close = get_close_matches(name.lower(), known, n=1, cutoff=0.6)
    return f"unknown {kind}; did you mean {close[0]!r}?" if close else f"unknown {kind}"


def check_parameters(given: Iterable[tuple[str, Any]], known: frozenset[str]) -> None:
    """Raises InvalidRequest for query parameters that nobody knows, and for those that stand there twice."""
    errors, seen = [], set()
    for name, _ in given:
        if name not in known:
            errors.append(FieldError(location=place(("query", name)), message=unknown("parameter", name, known)))
        elif name in seen:
            errors.append(FieldError(location=place(("query", name)), message="stands there twice"))
        seen.add(name)
    if errors:
        raise InvalidRequest(errors[:MAX_REPORTED_ERRORS])
