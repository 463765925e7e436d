"""What outputs take in memory, and how to keep one without what it was cut from."""

from collections.abc import Mapping, Sequence
from sys import getsizeof
from types import NoneType
from typing import Any

from prediction_service.caching.keys import is_tensor
from prediction_service.tasks.task import Output

PLAIN = frozenset({float, int, str, bool, bytes, NoneType})
"""Kinds of values with nothing within them."""


def on_its_own(output: Output) -> Output:
    """The output without the whole of a call that its arrays are windows of."""
    if isinstance(output, list | tuple):
        if PLAIN.issuperset(map(type, output)):
            return output
        parts = map(on_its_own, output)
        return tuple(parts) if isinstance(output, tuple) else list(parts)
    if type(output) in PLAIN:
        return output
    if isinstance(output, Mapping):
        return {name: on_its_own(value) for name, value in output.items()}
    return output.copy() if is_tensor(output) and output.base is not None else output


def size_of(output: Output, most: int) -> int:
    """Bytes of an output with all that is in it, what is shared counted each time; it may stop above `most`."""
    size, rest = 0, [output]
    while rest and size <= most:
        value = rest.pop()
        parts = parts_of(value)
        size += getsizeof(value)
        if PLAIN.issuperset(map(type, parts)):
            size += sum(map(getsizeof, parts))
        else:
            rest += parts
    return size


def parts_of(value: Any) -> Sequence[Any]:
    """What is within a value and not in its own size."""
    if isinstance(value, list | tuple):
        return value
    if type(value) in PLAIN:
        return ()
    if isinstance(value, Mapping):
        return [*value.keys(), *value.values()]
    if is_tensor(value) and value.dtype.hasobject:
        return list(value.flat)
    return ()
