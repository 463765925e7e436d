"""Frames: what the service and a worker send each other through a pair of sockets.

A frame is a head (kind, bytes of JSON, bytes of data), the JSON, and the data: arrays without any encoding, in the
machine's own order of bytes, for both ends are on one machine.
"""

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

HEAD = struct.Struct("=BIQ")

SETUP, ROWS, READY, NUMBERS, OUTPUTS, FAILED, MISFIT = range(7)
"""From the service: what the worker is to do, once; rows. From the worker: it is ready; so many doubles for each row;
named outputs; why there is nothing for these rows; why there never will be."""

MOST_BYTES = 64 << 20
"""Of an answer: more than the largest tensors of a batch have in practice."""


class Frame(NamedTuple):
    """One of them, without its head."""

    kind: int
    text: bytes
    """JSON, or a message."""
    data: memoryview


def parts(kind: int, text: bytes, data: Sequence[bytes | memoryview] = ()) -> list[bytes | memoryview]:
    """What is written, one after the other."""
    return [HEAD.pack(kind, len(text), sum(len(piece) for piece in data)) + text, *data]


def read(descriptor: int) -> Frame | None:
    """The next frame; None when there will be no more. Waits."""
    head = exactly(descriptor, HEAD.size)
    if head is None:
        return None
    kind, text_bytes, data_bytes = HEAD.unpack(head)
    body = exactly(descriptor, text_bytes + data_bytes)
    return None if body is None else Frame(kind, bytes(body[:text_bytes]), body[text_bytes:])


def exactly(descriptor: int, size: int) -> memoryview | None:
    """So many bytes; None when they end before."""
    buffer = memoryview(bytearray(size))
    filled = 0
    while filled < size:
        count = os.readv(descriptor, [buffer[filled:]])
        if not count:
            return None
        filled += count
    return buffer


def write(descriptor: int, pieces: Sequence[bytes | memoryview]) -> None:
    """All of it. Waits."""
    for piece in pieces:
        rest = memoryview(piece).cast("B")
        while rest:
            rest = rest[os.write(descriptor, rest) :]
