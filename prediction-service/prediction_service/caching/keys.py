"""The key of an instance in a cache: a digest, another one for each that differs in a value or in the type of one."""

import marshal
import os
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Any

from prediction_service.signature.signature import Instance

KEY_BYTES = 16
"""Of a digest: among 10⁹ instances two are alike by chance with a probability of 10⁻²¹."""

KEYED = blake2b(digest_size=KEY_BYTES, key=os.urandom(16))
"""Nobody outside of this process can look for two that are alike, nor for the instance of a key. Copied, never fed: a
copy takes half as long as a new one."""

WITHOUT_SHARING = 2
"""The version of marshal that writes each value out, whether or not it is the same object as another one."""


def keys_of(instances: Sequence[Instance]) -> list[bytes]:
    """The key of each."""
    return [*map(key_of, instances)]


def tensor_bytes(instances: Sequence[Instance]) -> int:
    """Bytes of all tensors in instances of one model; texts are bounded elsewhere."""
    if not instances or isinstance(instances[0], str):
        return 0
    places = [place for place, value in enumerate(instances[0]) if value is None or is_tensor(value)]
    return sum(getattr(row[place], "nbytes", 0) for place in places for row in instances)


def key_of(instance: Instance) -> bytes:
    """The key of a text, or of a row: a tuple of texts, numbers, booleans, times, lists and tensors."""
    digest = KEYED.copy()
    if isinstance(instance, str):
        digest.update(instance.encode("utf-8", "surrogatepass"))
        return digest.digest()
    for part in parts_of(instance):
        digest.update(b"%d " % len(part))  # so that no end of one is the beginning of the next
        digest.update(part)
    return digest.digest()


def parts_of(row: tuple[Any, ...]) -> Iterator[bytes | memoryview]:
    """The values of a row as bytes, in order."""
    if not any(map(is_tensor, row)):
        yield plain_bytes(row)
        return
    for value in row:
        if is_tensor(value):
            yield from tensor_parts(value)
        else:
            yield plain_bytes(value)


def plain_bytes(value: Any) -> bytes:
    """A value without tensors; what marshal does not know, such as times, as Python writes it."""
    try:
        return marshal.dumps(value, WITHOUT_SHARING)
    except ValueError:
        return repr(value).encode("utf-8", "surrogatepass")


def tensor_parts(tensor: Any) -> Iterator[bytes | memoryview]:
    """Its datatype and form, and its numbers as they lie in memory, or its texts."""
    yield f"{tensor.dtype.str}{tensor.shape}".encode()
    if tensor.dtype.hasobject:
        yield marshal.dumps(tensor.tolist(), WITHOUT_SHARING)
    elif tensor.size:
        yield memoryview(tensor if tensor.flags.c_contiguous else tensor.copy()).cast("B")


def is_tensor(value: object) -> bool:
    """Whether it is an array of NumPy, which a service of text models never loads."""
    return hasattr(value, "dtype")
