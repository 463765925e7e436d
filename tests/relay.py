"""A proxy between a client and the gateway: passes bytes on, cuts connections, refuses, says that it is there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from shared.embedded.ports import free_ports


@dataclass(slots=True)
class Relay:
    """What it does to the next connections; each entry is for one of them."""

    upstream: int
    port: int = field(default_factory=lambda: next(free_ports()))
    via: bool = False
    """Whether it adds `Via`, as proxies do."""
    refusals: list[bytes] = field(default_factory=list)
    """Whole responses, given at once in place of the gateway's."""
    cuts: list[int] = field(default_factory=list)
    """After so many bytes of a response the connection ends, on both sides."""
    upload_cuts: list[int] = field(default_factory=list)
    """The same after so many bytes of a request."""
    connections: int = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        head = await reader.readuntil(b"\r\n\r\n")
        if self.refusals:
            writer.write(self.refusals.pop(0))
            await writer.drain()
            writer.close()
            return
        if self.via:
            head = head.replace(b"\r\n", b"\r\nVia: 1.1 relay\r\n", 1)
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self.upstream)
        up_writer.write(head)
        down = asyncio.create_task(pump(up_reader, writer, self.cuts.pop(0) if self.cuts else None))
        up = asyncio.create_task(pump(reader, up_writer, self.upload_cuts.pop(0) if self.upload_cuts else None))
        await asyncio.wait([down, up], return_when=asyncio.FIRST_COMPLETED)
        for task in (down, up):
            task.cancel()
        await asyncio.gather(down, up, return_exceptions=True)
        for each in (writer, up_writer):
            each.transport.abort() if down.cancelled() else each.close()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most: int | None) -> None:
    """Until one side ends, or so many bytes have gone through."""
    gone = 0
    while data := await reader.read(65_536):
        data = data if most is None else data[: most - gone]
        writer.write(data)
        await writer.drain()
        gone += len(data)
        if gone == most:
            return


@asynccontextmanager
async def relaying(upstream: int, *, via: bool = False) -> AsyncIterator[Relay]:
    """A relay that runs."""
    relay = Relay(upstream, via=via)
    server = await asyncio.start_server(relay._serve, "127.0.0.1", relay.port)
    try:
        yield relay
    finally:
        server.close()
