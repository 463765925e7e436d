"""From the values of rows to one tensor, of the datatype and shape that are declared or that the values have."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import orjson

from prediction_service.signature.datatypes import completed, suits

FLOATS = {"FP16": 65504.0, "FP32": 3.4028234663852886e38, "FP64": sys.float_info.max}
"""Datatype → the largest number that it holds."""

INTEGERS = {
    **{f"UINT{bits}": range(2**bits) for bits in (8, 16, 32, 64)},
    **{f"INT{bits}": range(-(2 ** (bits - 1)), 2 ** (bits - 1)) for bits in (8, 16, 32, 64)},
}

UNDECLARED = ("BOOL", "INT64", "FP64", "BYTES")
"""The datatypes of values that nobody declared; the first that holds them is theirs."""

AS_JSON: dict[str, Any] = {"encoding": "json"}
"""Parameter of a BYTES tensor whose elements are JSON."""


@dataclass(frozen=True, slots=True)
class Values:
    """A tensor's elements, in row-major order."""

    datatype: str
    shape: list[int]
    elements: Sequence[Any]
    parameters: Mapping[str, Any] = field(default_factory=dict)


def values_of(datatype: str, shape: list[int], rows: Sequence[Any], parameters: Mapping[str, Any]) -> Values:
    """[n, …] of rows of which it is known that they are as declared: single values, or lists of them."""
    elements = rows if not shape else list(chain.from_iterable(rows))
    return Values(datatype, [len(rows), *shape], elements, parameters)


def tensor_of(datatype: str, shape: list[int] | None, rows: Sequence[Any]) -> Values:
    """[n, …] of rows that may be anything. What is no tensor as it is declared, is JSON: a BYTES for each row.

    Rows of different lengths are such, objects, nulls, and empty lists of which nobody declared what would be in them.
    `datatype` is empty and `shape` None where nothing is declared.
    """
    parts = [regular(row) for row in rows]
    shapes = {None if part is None else part[0] for part in parts}
    found = shapes.pop()
    if found is not None and shape is not None:
        found = completed(found, shape)
    if not shapes and found is not None and (shape is None or suits(found, shape)):
        elements = list(chain.from_iterable(part[1] for part in parts if part is not None))
        for candidate in candidates(datatype, elements):
            if holds(candidate, elements):
                return Values(candidate, [len(rows), *found], elements)
    return Values("BYTES", [len(rows)], [orjson.dumps(row).decode() for row in rows], AS_JSON)


def candidates(datatype: str, elements: Sequence[Any]) -> Sequence[str]:
    """What these can be, the first that holds them: nothing, where nobody declared it and there are none to tell."""
    if datatype:
        return [datatype]
    return UNDECLARED if elements else ()


def regular(value: Any) -> tuple[tuple[int, ...], list[Any]] | None:
    """Shape and elements of nested lists of equal lengths; None where they are not."""
    sizes, flat = list[int](), [value]
    while any(isinstance(part, list | tuple) for part in flat):
        lengths = {len(part) if isinstance(part, list | tuple) else -1 for part in flat}
        if len(lengths) > 1:
            return None
        sizes += lengths
        flat = list(chain.from_iterable(flat))
    return tuple(sizes), flat


def holds(datatype: str, elements: Sequence[Any]) -> bool:
    """Whether a datatype can say all of these."""
    kinds = set(map(type, elements))
    if datatype in FLOATS:
        return kinds <= {int, float} and max(map(abs, elements), default=0) <= FLOATS[datatype]
    if datatype in INTEGERS:
        bounds = INTEGERS[datatype]
        return kinds <= {int} and (not elements or (min(elements) in bounds and max(elements) in bounds))
    return kinds <= ({bool} if datatype == "BOOL" else {str})
