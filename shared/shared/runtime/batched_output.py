"""Log lines in batches: one system call for all lines of some milliseconds instead of one each."""

import asyncio
import atexit
import os

FLUSH_SECONDS = 0.02
"""The oldest that a line gets before it is written; what `kill -9` can lose."""

FLUSH_BYTES = 32_768
"""Half of what a pipe takes at once."""


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
        content = memoryview(b"".join(self._lines))
        self._lines.clear()
        self._bytes = 0
        while content:
            content = content[os.write(self._descriptor, content) :]

    def _drain_later(self) -> bool:
        """Whether an event loop runs that will do it."""
        try:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.drain)
        except RuntimeError:
            return False
        return True
