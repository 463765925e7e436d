"""Datatypes of the Open Inference Protocol, by which tensors are declared, sent and given."""

from math import prod
from typing import Literal

Datatype = Literal[
    "BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64", "BYTES"
]

NUMPY: dict[str, str] = {
    "BOOL": "?",
    **{f"UINT{8 * size}": f"<u{size}" for size in (1, 2, 4, 8)},
    **{f"INT{8 * size}": f"<i{size}" for size in (1, 2, 4, 8)},
    **{f"FP{8 * size}": f"<f{size}" for size in (2, 4, 8)},
    "BYTES": "O",
}
"""Datatype → NumPy's, as it is on the wire (little-endian); BYTES are objects of the class str."""

MAX_ELEMENTS = 1 << 22
"""Of one tensor: 16 MiB in 32 bits, more than a body may have."""


def elements_of(shape: list[int]) -> int:
    """How many elements a tensor has at least: -1, any size, counts as 1."""
    return prod(abs(size) for size in shape)


def suits(shape: tuple[int, ...], declared: list[int]) -> bool:
    """Whether a shape is one of those that are declared."""
    return len(shape) == len(declared) and all(
        wanted in {-1, size} for size, wanted in zip(shape, declared, strict=True)
    )


def completed(shape: tuple[int, ...], declared: list[int]) -> tuple[int, ...]:
    """The shape of lists in lists, which do not say what is within the first of size 0: there it is as declared.

    An open size (-1) is 0 there.
    """
    if shape[-1:] != (0,):
        return shape
    return (*shape, *(max(size, 0) for size in declared[len(shape) :]))
