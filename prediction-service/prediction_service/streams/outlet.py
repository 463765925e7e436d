"""Lines on their way to the client: a little in memory, the rest on disk, in order.

Many clients send all of a body before they read a byte of the response, and some proxies want it so. Their lines wait
in a file without a name, which is gone with the process. When all streams together have as much on disk as they may,
who makes lines has to wait for who reads them.
"""

import asyncio
import os
import tempfile
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import IO, Any, TypeVar

from prometheus_client import Gauge

from shared.asyncio.group_call import set_or_after

MEMORY_BYTES = 262_144
"""Of the lines of one stream, so many wait in memory."""

PIECE_BYTES = 65_536
"""As much is sent at once."""

ROOM_LOOK_SECONDS = 0.5
"""How often who waits for room looks whether other streams have left some."""

ON_DISK = Gauge("prediction_stream_disk_bytes", "Lines of streams that wait on disk")

Result = TypeVar("Result")


class NoRoom(Exception):
    """The disk is full, or as full as streams may make it."""


class Disk:
    """The room that the lines of all streams have together."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes, self._taken = folder, most_bytes, 0

    def take(self, size: int) -> bool:
        """Takes so much room, if there is so much."""
        if self._taken + size > self._most_bytes:
            return False
        self._taken += size
        ON_DISK.set(self._taken)
        return True

    def give_back(self, size: int) -> None:
        """So much is free again."""
        self._taken -= size
        ON_DISK.set(self._taken)

    def file(self) -> IO[bytes]:
        """A new file without a name. Raises OSError."""
        return tempfile.TemporaryFile(dir=self._folder, buffering=0)


class Outlet:
    """One stream's lines: one task puts them, another takes them."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._memory: deque[bytes] = deque()  # older than what is on disk
        self._in_memory = 0
        self._file: IO[bytes] | None = None
        self._room = self._written = self._read = 0  # of the file: bytes taken, written, read
        self._at_work: asyncio.Future[Any] | None = None  # what a thread does with the file
        self._last, self._ended = b"", False
        self._changed = asyncio.Event()

    @contextmanager
    def open(self) -> Iterator[None]:
        """A block after which nothing of it is left."""
        try:
            yield
        finally:
            self._disk.give_back(self._room)
            if self._file is not None:
                self._close(self._file)

    def _close(self, file: IO[bytes]) -> None:
        """Closes the file, once no thread works on it: it must not find another one under its number."""
        if self._at_work is None or self._at_work.done():
            file.close()
        else:
            self._at_work.add_done_callback(lambda _: file.close())

    async def put(self, data: bytes, *, may_wait: bool) -> None:
        """Adds lines. Where there is no room for them, waits until there is, or raises NoRoom."""
        while not self._fits_memory(len(data)):
            if self._disk.take(len(data)):
                self._room += len(data)
                await self._write(data)
                return
            if not may_wait:
                raise NoRoom("The lines that wait on disk take all the room that they may have.")
            await self._wait(ROOM_LOOK_SECONDS)
        self._memory.append(data)
        self._in_memory += len(data)
        self._changed.set()

    def _fits_memory(self, size: int) -> bool:
        """Whether lines may stand in memory: behind those on disk they may not."""
        return self._read == self._written and (not self._memory or self._in_memory + size <= MEMORY_BYTES)

    async def _wait(self, seconds: float | None = None) -> None:
        """Until the other side has done something, or for so long."""
        self._changed.clear()
        await set_or_after(self._changed, seconds)

    async def _write(self, data: bytes) -> None:
        """To the end of the file. Raises NoRoom."""
        try:
            if self._file is None:
                self._file = self._disk.file()
            await self._in_thread(write_all, self._file.fileno(), data, self._written)
        except OSError as error:
            raise NoRoom(f"The disk takes no more lines: {error.strerror}.") from error
        self._written += len(data)
        self._changed.set()

    def end(self, last: bytes) -> None:
        """These are the last lines; few, and there is always room for them."""
        self._last, self._ended = last, True
        self._changed.set()

    async def take(self) -> bytes:
        """The next lines; empty: there will be none. Raises OSError when the disk does not give them back."""
        while True:
            if self._memory:
                data = self._memory.popleft()
                self._in_memory -= len(data)
                self._changed.set()
                return data
            if self._read < self._written:
                return await self._read_on()
            if self._ended:
                last, self._last = self._last, b""
                return last
            await self._wait()

    async def _read_on(self) -> bytes:
        """From the front of the file, which begins anew once all of it was read."""
        if self._file is None:
            raise RuntimeError("lines are on disk, and there is no file")
        size = min(PIECE_BYTES, self._written - self._read)
        data: bytes = await self._in_thread(os.pread, self._file.fileno(), size, self._read)
        self._read += len(data)
        if self._read == self._written == self._room:  # else more is being written
            self._file.truncate(0)
            self._disk.give_back(self._room)
            self._room = self._written = self._read = 0
        self._changed.set()
        return data

    async def _in_thread(self, work: Callable[..., Result], *args: Any) -> Result:
        """Of putting and taking one may be in a thread at a time: there is one file."""
        while self._at_work is not None and not self._at_work.done():
            await asyncio.wait([self._at_work])
        work_done = self._at_work = asyncio.get_running_loop().run_in_executor(None, partial(work, *args))
        return await asyncio.shield(work_done)


def write_all(descriptor: int, data: bytes, position: int) -> None:
    """Writes all of it there. Raises OSError."""
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, position)
        view, position = view[written:], position + written
