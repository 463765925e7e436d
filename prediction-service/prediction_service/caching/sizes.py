"""What outputs take in memory, and how to keep one without what it was cut from."""

from collections.abc import Mapping, Sequence
from sys import getsizeof
from types import NoneType
from typing import Any

from prediction_service.caching.keys import is_tensor
from prediction_service.tasks.task import Output

PLAIN = frozenset({float, int, str, bool, bytes, NoneType})
"""Kinds of values with nothing within them."""

FLOAT_BYTES = getsizeof(0.5)
"""Of any; vectors of a thousand are not asked one by one, as the event loop would stand still for a large batch."""


def on_its_own(output: Output) -> Output:
    """The output without the whole of a call that its arrays are windows of."""
    if isinstance(output, list | tuple):
        if set(map(type, output)) <= PLAIN:
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
        if type(value) is str:
            size += utf8_bytes(value)
        kinds = set(map(type, parts))
        if kinds == {float}:
            size += FLOAT_BYTES * len(parts)
        elif kinds <= PLAIN:
            size += sum(map(getsizeof, parts))
            if str in kinds:
                size += sum([utf8_bytes(part) for part in parts if type(part) is str and not part.isascii()])
        else:
            rest += parts
    return size


def utf8_bytes(text: str) -> int:
    """Of a text beyond ASCII: Python keeps its UTF-8 beside it as soon as somebody writes it as JSON."""
    return 0 if text.isascii() else len(text.encode("utf-8", "surrogatepass")) + 1


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
