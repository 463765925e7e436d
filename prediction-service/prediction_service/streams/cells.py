"""From the text of a cell to the value that JSON would have in its place."""

import re
from collections.abc import Callable
from typing import Any

import orjson

from prediction_service.signature.inputs import Input

OF_NUMBERS = "0123456789.eE+-"
"""What a number is written with; Python also takes 1_000, nan, inf, blanks and other scripts' digits."""

INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
"""As JSON, Python and spreadsheets write them."""


def number(cell: str) -> Any:
    """A number; anything else stays a text, which the input refuses in its own words."""
    try:
        return cell if cell.strip(OF_NUMBERS) else float(cell)
    except ValueError:
        return cell


def integer(cell: str) -> Any:
    """A whole number, exactly; 3.0 as a number."""
    return int(cell) if INTEGER.fullmatch(cell) else number(cell)


def boolean(cell: str) -> Any:
    """True or false."""
    return BOOLEANS.get(cell, cell)


def tensor(cell: str) -> Any:
    """Lists within lists."""
    try:
        return orjson.loads(cell)
    except orjson.JSONDecodeError:
        return cell


def text(cell: str) -> Any:
    """The cell itself: of texts, categories and timestamps."""
    return cell


CONVERSIONS: dict[str, Callable[[str], Any]] = {
    "number": number,
    "integer": integer,
    "boolean": boolean,
    "tensor": tensor,
}


def conversion(declared: Input | None) -> Callable[[str], Any]:
    """How the cells of an input are read; None: the text of a model of one text."""
    return text if declared is None else CONVERSIONS.get(declared.type, text)
