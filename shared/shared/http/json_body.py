"""From the bytes of a body to a validated model: strict JSON, and a problem that says what is wrong and where.

JSON's own types hold: a boolean or a string is no number, NaN and Infinity are no JSON, no key stands twice, and what
nobody knows is refused by name instead of being ignored. A byte order mark is passed over.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from shared.contracts.faults import in_words
from shared.contracts.problem import FieldError
from shared.http.json_structure import MAX_VALUES, check_structure
from shared.http.problems import MAX_REPORTED_ERRORS, InvalidRequest, place
from shared.http.request_body import MAX_BYTES, UnreadableBody

HALF_CHARACTER = "hex escape"
"""Part of what the parser says of half a character."""

Model = TypeVar("Model", bound=BaseModel)


class JsonBody(Generic[Model]):
    """Reads bodies of one type. `parameters`: of the query beside it, which people put into the body."""

    def __init__(
        self, model: type[Model], max_values: int = MAX_VALUES, parameters: frozenset[str] = frozenset()
    ) -> None:
        self._adapter = TypeAdapter(model)
        self._max_values, self._parameters = max_values, parameters
        self._names = [field.alias or name for name, field in model.model_fields.items()]

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
        message = in_words(fault)
        if fault["type"] == "extra_forbidden":
            message = self._unknown(str(location[-1]), is_nested=len(location) > 1)
        return FieldError(location=place(("body", *location)), message=message)

    def _unknown(self, name: str, *, is_nested: bool) -> str:
        if not is_nested and name in self._parameters:
            return f"unknown field; it belongs in the query: ?{name}=…"
        return unknown("field", name, () if is_nested else self._names)


def check_utf8(body: bytes) -> None:
    """Raises UnreadableBody for bytes that are no text."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise UnreadableBody(f"The body is not UTF-8: see byte {error.start}.") from None


def unknown(kind: str, name: str, known: Collection[str]) -> str:
    """What is said of it: what was probably meant, else what there is."""
    if close := get_close_matches(name.lower(), known, n=1, cutoff=0.6):
        return f"unknown {kind}; did you mean {close[0]!r}?"
    return f"unknown {kind}; there is {', '.join(known)}" if known else f"unknown {kind}"


def check_parameters(given: Iterable[tuple[str, Any]], known: frozenset[str]) -> None:
    """Raises InvalidRequest for query parameters that nobody knows, and for those that stand there twice."""
    errors, seen = [], set()
    for name, _ in given:
        if name not in known:
            errors.append(
                FieldError(location=place(("query", name)), message=unknown("parameter", name, sorted(known)))
            )
        elif name in seen:
            errors.append(FieldError(location=place(("query", name)), message="stands there twice"))
        seen.add(name)
    if errors:
        raise InvalidRequest(errors[:MAX_REPORTED_ERRORS])
