"""Log lines in batches: one system call for many lines of some milliseconds instead of one each.

Into a pipe that several processes share, no more than PIPE_BUF bytes are written at a time: those never mix with what
others write (POSIX, `write`), and whole lines stay whole.
"""

import asyncio
import atexit
import os
import select

FLUSH_SECONDS = 0.02
"""The oldest that a line gets before it is written; what `kill -9` can lose."""

FLUSH_BYTES = 32_768
"""Half of what a pipe takes at once."""

LONGEST_LINE_BYTES = select.PIPE_BUF
"""Of a line with its end; 4 KiB on Linux."""


class BatchedOutput:
    """A file to write lines to. Outside of an event loop each line is written at once."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lines: list[bytes] = []
        self._bytes = 0
        atexit.register(self.drain)

    def write(self, line: bytes) -> int:
        """Takes a line; writes it soon."""
        self._lines.append(line)
        self._bytes += len(line)
        if self._bytes >= FLUSH_BYTES or not (len(self._lines) > 1 or self._drain_later()):
            self.drain()
        return len(line)

    def flush(self) -> None:
        """Asked for after each line by who writes; the batch is not ended by it."""

    def drain(self) -> None:
        """Writes what is there."""
        lines, self._lines, self._bytes = self._lines, [], 0
        start = size = 0
        for index, line in enumerate(lines):
            if size and size + len(line) > LONGEST_LINE_BYTES:
                self._write(b"".join(lines[start:index]))
                start, size = index, 0
            size += len(line)
        self._write(b"".join(lines[start:]))

    def _write(self, lines: bytes) -> None:
        content = memoryview(lines)
        while content:
            content = content[os.write(self._descriptor, content) :]

    def _drain_later(self) -> bool:
        """Whether an event loop runs that will do it."""
        try:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.drain)
        except RuntimeError:
            return False
        return True
