"""From nested lists, or an array, to a tensor of a declared datatype and shape.

NumPy is loaded with the first tensor: a service of text models alone need not carry it.
"""

from typing import TYPE_CHECKING, Any

from prediction_service.request.texts import is_unicode
from prediction_service.signature.datatypes import MAX_ELEMENTS, NUMPY, suits

if TYPE_CHECKING:
    import numpy as np


def read_tensor(value: Any, datatype: str, shape: list[int]) -> "np.ndarray[Any, Any]":
    """An array of the datatype. Raises ValueError for another kind, size or shape, and for NaN and infinities."""
    import numpy as np

    array = value if isinstance(value, np.ndarray) else from_lists(value, datatype, len(shape))
    if array.size > MAX_ELEMENTS:
        raise ValueError(f"must have at most {MAX_ELEMENTS:,} elements")
    if not suits(array.shape, shape):
        raise ValueError(f"must have the shape {shown(shape)}, not {shown(array.shape)}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("must have finite numbers only")
    return array


def from_lists(value: Any, datatype: str, rank: int) -> "np.ndarray[Any, Any]":
    """Nested lists of equal lengths as an array. Raises ValueError."""
    import numpy as np

    shape: list[int] = []
    flat: list[Any] = [value]
    for _ in range(rank):
        sizes = {len(part) if isinstance(part, list) else -1 for part in flat}
        if len(sizes) != 1 or -1 in sizes:
            raise ValueError(f"must be lists of equal lengths, {rank} deep")
        shape += sizes
        flat = [element for part in flat for element in part]
        if len(flat) > MAX_ELEMENTS:
            raise ValueError(f"must have at most {MAX_ELEMENTS:,} elements")
    check_elements(flat, datatype)
    with np.errstate(over="ignore"):
        try:
            return np.array(flat, dtype=NUMPY[datatype]).reshape(shape)
        except OverflowError:
            raise ValueError(f"must have numbers that fit {datatype}") from None


KINDS: dict[str, type] = {"BYTES": str, "BOOL": bool}
"""Datatype → what its elements are in JSON; of the others, floats aside, whole numbers."""


def check_elements(elements: list[Any], datatype: str) -> None:
    """Raises ValueError where one of them is not of the datatype's kind: nothing is converted in silence."""
    wanted: set[type] = {int, float} if datatype.startswith("FP") else {KINDS.get(datatype, int)}
    if not set(map(type, elements)) <= wanted:
        raise ValueError(f"must have elements that {datatype} can hold")
    if datatype == "BYTES" and not all(map(is_unicode, elements)):
        raise ValueError("must not contain half a character (a lone surrogate)")


def shown(shape: list[int] | tuple[int, ...]) -> str:
    """A shape, for a person."""
    return f"[{', '.join(map(str, shape))}]"
