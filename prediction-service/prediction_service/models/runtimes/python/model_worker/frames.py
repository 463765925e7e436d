"""Frames: what the service and a worker send each other through a pair of sockets.

A frame is a number, a head (kind, bytes of JSON, bytes of data), the JSON, and the data: arrays without any encoding,
in the machine's own order of bytes, for both ends are on one machine. The number is that of the call: an answer has
the one of its question, so that what a model's processes may have written besides never passes for the answer to
somebody else.
"""

import os
import struct
from collections.abc import Sequence
from typing import NamedTuple

NUMBER, HEAD = struct.Struct("=I"), struct.Struct("=BIQ")

BEGINNING = struct.Struct("=IBIQ")
"""Both."""

SETUP, ROWS, READY, NUMBERS, OUTPUTS, FAILED, MISFIT = range(7)
"""From the service: what the worker is to do, once; rows. From the worker: it is ready; so many doubles for each row;
named outputs; why there is nothing for these rows; why there never will be."""

MOST_BYTES = 64 << 20
"""Of an answer: more than the largest tensors of a batch have in practice."""


class Frame(NamedTuple):
    """One of them, without its head."""

    number: int
    kind: int
    text: bytes
    """JSON, or a message."""
    data: memoryview


def parts(kind: int, text: bytes, data: Sequence[bytes | memoryview] = ()) -> list[bytes | memoryview]:
    """What is written behind the number, one after the other."""
    return [HEAD.pack(kind, len(text), sum(len(piece) for piece in data)) + text, *data]


def numbered(number: int, pieces: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """The same, complete."""
    return [NUMBER.pack(number) + pieces[0], *pieces[1:]]


def read(descriptor: int) -> Frame | None:
    """The next frame; None when there will be no more. Waits."""
    head = exactly(descriptor, BEGINNING.size)
    if head is None:
        return None
    number, kind, text_bytes, data_bytes = BEGINNING.unpack(head)
    body = exactly(descriptor, text_bytes + data_bytes)
    return None if body is None else Frame(number, kind, bytes(body[:text_bytes]), body[text_bytes:])


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


def write(descriptor: int, number: int, pieces: Sequence[bytes | memoryview]) -> None:
    """All of it. Waits."""
    for piece in numbered(number, pieces):
        rest = memoryview(piece).cast("B")
        while rest:
            rest = rest[os.write(descriptor, rest) :]
