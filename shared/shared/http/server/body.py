"""The body of a request: where it ends, and nothing of what may stand around it.

A body takes its bytes from the front of what has arrived and leaves what follows it.
"""

import re
from math import inf
from typing import Protocol

from shared.http.server.refusal import Refused
from shared.http.server.request_head import CHUNKED, FRAMING, field

CHUNK_SIZE = re.compile(rb"(?P<size>[0-9A-Fa-f]{1,12})(?:;[\t\x20-\x7e\x80-\xff]*)?")

CHUNKS_AT_ONCE = 1024
"""Chunks that are taken in one turn of the event loop, about a millisecond: a body of many tiny ones must not keep
everybody else waiting."""

FREE_FRAMING_BYTES = 16_384
"""Of sizes and line ends around chunks, so many may come before their content has to be worth them."""


class Body(Protocol):
    """Reads one body."""

    complete: bool
    """Whether its last byte has been taken."""

    pending: bool
    """Whether more of what has arrived can be taken, in another turn of the event loop."""

    @property
    def left(self) -> float:
        """Bytes that are still to come, as far as one knows."""
        ...

    def take(self, arrived: bytearray) -> list[bytes]:
        """Content from the front of `arrived`, as far as it goes. Raises Refused."""
        ...


def body_of(length: int, max_overhead: int) -> Body:
    """The reader of a body with this length; CHUNKED: chunks, with so many bytes around them."""
    return ChunkedBody(max_overhead) if length == CHUNKED else LengthBody(length)


class LengthBody:
    """So many bytes."""

    def __init__(self, length: int) -> None:
        self._left = length
        self.complete, self.pending = length == 0, False

    @property
    def left(self) -> float:
        """All that has not come."""
        return self._left

    def take(self, arrived: bytearray) -> list[bytes]:
        """What belongs to the body."""
        content = bytes(arrived[: self._left])
        del arrived[: self._left]
        self._left -= len(content)
        self.complete = self._left == 0
        return [content] if content else []


class ChunkedBody:
    """Chunks until one of size 0, then trailers, which are checked and dropped, as extensions are."""

    left = inf
    """Nobody knows."""

    def __init__(self, max_overhead: int) -> None:
        self._left = 0  # of the chunk that has begun
        self._ends = False  # a chunk whose line end is still to come
        self._in_trailers = False
        self._overhead, self._max_overhead = 0, max_overhead
        self._framing_left = FREE_FRAMING_BYTES
        self.complete = self.pending = False

    def take(self, arrived: bytearray) -> list[bytes]:
        """The content of the chunks that are here; of many, of the first."""
        content: list[bytes] = []
        self.pending = True
        for _ in range(2 * CHUNKS_AT_ONCE):  # a line and a piece each
            if self.complete or not self._take_one(arrived, content):
                self.pending = False
                break
        return content

    def _take_one(self, arrived: bytearray, content: list[bytes]) -> bool:
        """Takes a line or a piece of a chunk; False when there is nothing whole to take."""
        if self._left:
            if not arrived:
                return False
            piece = bytes(arrived[: self._left])
            del arrived[: self._left]
            self._left -= len(piece)
            self._ends = self._left == 0
            content.append(piece)
            return True
        if self._ends:
            return self._take_line_end(arrived)
        line = self._line(arrived)
        if line is None:
            return False
        if self._in_trailers:
            self._take_trailer(line)
        else:
            self._begin_chunk(line)
        return True

    def _take_line_end(self, arrived: bytearray) -> bool:
        if not b"\r\n".startswith(arrived[:2]):
            raise Refused(400, "chunk", "A chunk does not end where it says.")
        if len(arrived) < 2:
            return False
        del arrived[:2]
        self._ends = False
        return True

    def _line(self, arrived: bytearray) -> bytes | None:
        """The next line without its end, or None while it has not come."""
        end = arrived.find(b"\n")
        if (len(arrived) if end < 0 else end) > self._max_overhead:
            raise self._too_much()
        if end < 0:
            return None
        line = bytes(arrived[:end])
        del arrived[: end + 1]
        if not line.endswith(b"\r"):
            raise Refused(400, "chunk", "A line does not end with CR LF.")
        return line[:-1]

    def _begin_chunk(self, line: bytes) -> None:
        match = CHUNK_SIZE.fullmatch(line)
        if match is None:
            raise Refused(400, "chunk", "The size of a chunk is not valid.")
        size = match["size"]
        self._count(len(line) - len(size))
        self._left = int(size, 16)
        self._pay_for_framing(len(size))
        self._in_trailers = self._left == 0

    def _pay_for_framing(self, digits: int) -> None:
        """A chunk pays with its content for what stands around it, two line ends and the size: tiny ones do not."""
        self._framing_left = min(self._framing_left + self._left - digits - 4, FREE_FRAMING_BYTES)
        if self._framing_left < 0:
            raise Refused(400, "tiny_chunks", "There is more around the chunks of the body than in them.")

    def _take_trailer(self, line: bytes) -> None:
        self._count(len(line))
        if line and field(line)[0] in FRAMING:
            raise Refused(400, "trailer", "What decides about the framing of a request cannot come behind it.")
        self.complete = not line

    def _count(self, overhead: int) -> None:
        self._overhead += overhead
        if self._overhead > self._max_overhead:
            raise self._too_much()

    def _too_much(self) -> Refused:
        return Refused(431, "trailers_too_large", f"Trailers and chunk extensions may have {self._max_overhead} bytes.")
