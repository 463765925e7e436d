"""From the text of a cell to the value that JSON would have in its place."""

import re
from collections.abc import Callable
from typing import Any

import orjson

from prediction_service.signature.inputs import Input

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,20}", re.ASCII)
BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
"""As JSON, Python and spreadsheets write them."""


def number(cell: str) -> Any:
    """A number; anything else stays a text, which the input refuses in its own words."""
    return float(cell) if NUMBER.fullmatch(cell) else cell


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
