"""Kept connections: not used once the other end has closed them, whoever hears of it first, and not kept for ever."""

import asyncio
import select
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from gateway.proxy.address import Address
from gateway.proxy.connection import IdleConnections
from gateway.proxy.connections import UpstreamSession

Accepted = asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]]


@asynccontextmanager
async def upstream() -> AsyncIterator[tuple[Address, Accepted]]:
    """A server that says nothing, and the connections that it has accepted."""
    accepted = Accepted()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.put_nowait((reader, writer))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield Address.of(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), accepted


async def test_a_connection_that_was_closed_unheard_is_not_used() -> None:
    async with upstream() as (address, accepted), UpstreamSession() as session:
        first = await session.connect(address)
        _, other_end = await accepted.get()
        first.release()
        again = await session.connect(address)
        assert accepted.empty(), "it is kept"
        socket = again.transport.get_extra_info("socket").fileno()
        again.release()
        other_end.transport.close()
        await asyncio.sleep(0)  # the other end's loop, which is ours, sends its farewell …
        assert select.select([socket], [], [], 10)[0], "… the kernel has it, and our loop has not looked"
        new = await session.connect(address)
        assert not new.transport.is_closing()
        _, other = await asyncio.wait_for(accepted.get(), 10)
        assert other is not other_end
        new.close()
        other.close()


async def test_those_that_are_idle_are_used_in_turn_as_replicas_behind_one_name_want() -> None:
    async with upstream() as (address, _), UpstreamSession() as session:
        first, second = await session.connect(address), await session.connect(address)
        first.release()
        second.release()
        assert await session.connect(address) is first
        assert await session.connect(address) is second
        first.close()
        second.close()


async def test_what_nobody_needs_is_closed_in_time() -> None:
    async with upstream() as (address, accepted), UpstreamSession() as session:
        connection = await session.connect(address)
        reader, _ = await accepted.get()
        idle = IdleConnections(0.01)
        idle.keep(connection)
        assert await asyncio.wait_for(reader.read(), 10) == b"", "our end has closed it"
        assert idle.take() is None


async def test_all_are_closed_at_the_end() -> None:
    async with upstream() as (address, accepted):
        async with UpstreamSession() as session:
            (await session.connect(address)).release()
            reader, _ = await accepted.get()
        assert await asyncio.wait_for(reader.read(), 10) == b""
