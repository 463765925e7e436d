"""A client that sends a body and reads the response at the same time, over a real socket."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

RECEIVE_BYTES = 16_384
"""What the system keeps for a client that does not read: little, so that servers notice early."""


class BrokenOffError(Exception):
    """The response has ended without its end."""


class StreamClient:
    """One request in chunks; `head` is the status and the headers of its response, once `begin` has returned."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._left = b""
        self.status = 0
        self.headers: dict[str, str] = {}

    async def send(self, data: bytes) -> None:
        """One chunk; returns when the server has taken most of it."""
        self._writer.write(b"%x\r\n%b\r\n" % (len(data), data))
        await self._writer.drain()
        await asyncio.sleep(0)  # drain gives nobody a turn while there is room; whoever reads needs one

    async def end(self) -> None:
        """The end of the body."""
        self._writer.write(b"0\r\n\r\n")
        await self._writer.drain()

    async def begin(self) -> None:
        """Waits for the head of the response."""
        lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        self.status = int(lines[0].split()[1])
        self.headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:-2])}

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of the response as they come. Raises BrokenOffError."""
        if not self.status:
            await self.begin()
        async for chunk in self._chunks():
            *lines, self._left = (self._left + chunk).split(b"\n")
            for line in lines:
                yield line + b"\n"
        if self._left:
            yield self._left

    async def line(self) -> bytes:
        """The next line."""
        while b"\n" not in self._left:
            if not self.status:
                await self.begin()
            self._left += await self._chunk()
        line, _, self._left = self._left.partition(b"\n")
        return line + b"\n"

    async def body(self) -> bytes:
        """All that still comes of the response."""
        if not self.status:
            await self.begin()
        if "content-length" in self.headers:
            return await self._reader.readexactly(int(self.headers["content-length"]))
        return b"".join([line async for line in self.lines()])

    async def problem(self) -> Any:
        """The body as JSON."""
        return json.loads(await self.body())

    async def _chunks(self) -> AsyncIterator[bytes]:
        while chunk := await self._chunk():
            yield chunk

    async def _chunk(self) -> bytes:
        try:
            size = int((await self._reader.readuntil(b"\r\n")).partition(b";")[0], 16)
            return (await self._reader.readexactly(size + 2))[:-2]
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise BrokenOffError from error

    def leave(self) -> None:
        """Closes the connection in the middle."""
        self._writer.transport.abort()


@asynccontextmanager
async def streaming(
    port: int, content_type: str, query: str = "", headers: Mapping[str, str] | None = None
) -> AsyncIterator[StreamClient]:
    """A request to /predict/batch whose body is still to come."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BYTES)
    connection.connect(("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connection)
    fields = {
        "Host": f"127.0.0.1:{port}",
        "Content-Type": content_type,
        "Transfer-Encoding": "chunked",
        **(headers or {}),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"POST /predict/batch{query} HTTP/1.1\r\n{head}\r\n".encode())
    try:
        yield StreamClient(reader, writer)
    finally:
        writer.transport.abort()


async def send_all(client: StreamClient, pieces: Iterable[bytes]) -> None:
    """Sends a body to its end."""
    for piece in pieces:
        await client.send(piece)
    await client.end()
