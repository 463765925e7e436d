"""Where the bytes of the input come from: again from their beginning whenever a connection has to be made anew."""

import asyncio
import os
import threading
from collections.abc import AsyncGenerator
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO, Protocol

BLOCK_BYTES = 131_072
"""As much is read at once."""


class Source(Protocol):
    """Bytes that can be read more than once."""

    size: int | None
    """In bytes; None: nobody knows."""

    def blocks(self) -> AsyncGenerator[bytes, None]:
        """All of it, from the beginning. Raises OSError."""
        ...


class FileSource:
    """A file, which stays as it is meanwhile."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.size: int | None = path.stat().st_size

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """In a thread: a disk may be slow, and answers come in the meantime."""
        with self._path.open("rb") as file:
            while block := await asyncio.to_thread(file.read, BLOCK_BYTES):
                yield block


class StandardInput:
    """What is piped in. It comes once, so it is kept in a file without a name, which is gone with the process.

    A thread of its own reads it: nobody can wait for a pipe and be called away from it.
    """

    def __init__(self, pipe: BinaryIO) -> None:
        self._pipe = pipe
        self._kept = TemporaryFile(buffering=0)  # noqa: SIM115  as long as the process
        self._size, self._ended = 0, False
        self._fault: OSError | None = None
        self._more: asyncio.Event | None = None
        self.size: int | None = None

    def _start(self) -> asyncio.Event:
        if self._more is None:
            self._more = asyncio.Event()
            loop = asyncio.get_running_loop()
            threading.Thread(target=self._copy, args=(loop, self._more), daemon=True).start()
        return self._more

    def _copy(self, loop: asyncio.AbstractEventLoop, more: asyncio.Event) -> None:
        try:
            while data := os.read(self._pipe.fileno(), BLOCK_BYTES):
                while data:
                    written = os.pwrite(self._kept.fileno(), data, self._size)
                    data, self._size = data[written:], self._size + written
                loop.call_soon_threadsafe(more.set)
        except OSError as error:
            self._fault = error
        self._ended = True
        try:
            loop.call_soon_threadsafe(more.set)
        except RuntimeError:
            return  # nobody waits for it any more

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """From the beginning, as far as it has come; then as it comes."""
        more, at = self._start(), 0
        while True:
            more.clear()
            ended = self._ended
            while at < self._size:
                data = os.pread(self._kept.fileno(), min(BLOCK_BYTES, self._size - at), at)
                at += len(data)
                yield data
            if self._fault is not None:
                raise self._fault
            if ended:
                return
            await more.wait()
