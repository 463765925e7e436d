"""A kept connection is not used once the other end has closed it, whoever hears of it first."""

import asyncio
import select

from gateway.proxy.address import Address
from gateway.proxy.connections import UpstreamSession


async def test_a_connection_that_was_closed_unheard_is_not_used() -> None:
    accepted = asyncio.Queue[asyncio.StreamWriter]()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait(writer)

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    url = Address.of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    async with server, UpstreamSession() as session:
        first = await session.connect(url)
        other_end = await accepted.get()
        first.release()
        again = await session.connect(url)
        assert accepted.empty(), "it is kept"
        socket = again.transport.get_extra_info("socket").fileno()
        again.release()
        other_end.transport.close()
        await asyncio.sleep(0)  # the other end's loop, which is ours, sends its farewell …
        assert select.select([socket], [], [], 10)[0], "… the kernel has it, and our loop has not looked"
        new = await session.connect(url)
        assert not new.transport.is_closing()
        other = await asyncio.wait_for(accepted.get(), 10)
        assert other is not other_end
        new.close()
        other.close()
