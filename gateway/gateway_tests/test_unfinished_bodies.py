"""Who begins a body and does not end it keeps nobody else from an upstream, and takes only so much memory."""

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count

import httpx
import pytest

from gateway.proxy.unfinished_bodies import MOST_BYTES
from gateway_tests.conftest import StartGateway, UpstreamServer

addresses = count(1)


def head(framing: bytes) -> bytes:
    """A request of an address of its own, up to its body."""
    number = next(addresses)
    return (
        b"POST /metrics/aggregated HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        b"X-Forwarded-For: 10.%d.%d.%d\r\n%b\r\n\r\n" % (number >> 16, number >> 8 & 255, number & 255, framing)
    )


@asynccontextmanager
async def connection(gateway: httpx.AsyncClient, start: bytes):
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(start)
    await writer.drain()
    try:
        yield reader, writer
    finally:
        writer.close()


async def status_of(reader: asyncio.StreamReader) -> int:
    async with asyncio.timeout(30):
        return int((await reader.readline()).split()[1])


async def metric(gateway: httpx.AsyncClient) -> int:
    return (await gateway.post("/metrics/aggregated", json={})).status_code


@pytest.mark.parametrize(
    "begun",
    [(b"Content-Length: 2", b"{"), (b"Content-Length: 2", b""), (b"Transfer-Encoding: chunked", b"1\r\n{\r\n")],
)
async def test_a_body_that_is_not_complete_takes_no_place(
    start_gateway: StartGateway, upstream: UpstreamServer, begun: tuple[bytes, bytes]
) -> None:
    gateway = await start_gateway(upstream_max_in_flight=2)
    framing, part = begun
    async with AsyncExitStack() as stack:
        open_ones = [await stack.enter_async_context(connection(gateway, head(framing) + part)) for _ in range(30)]
        for _ in range(5):
            assert await metric(gateway) == 200
        assert len(upstream.requests) == 5
        reader, writer = open_ones[-1]
        writer.write(b"0\r\n\r\n" if b"chunked" in framing else b"{}"[len(part) :])
        assert await status_of(reader) == 200
        assert upstream.requests[-1][1] == (b"{" if b"chunked" in framing else b"{}")


async def test_streams_take_a_part_of_the_places_only(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(upstream_max_in_flight=8)  # two of them for streams
    async with AsyncExitStack() as stack:
        begun = head(b"Content-Length: 200000") + b"x" * 100_000
        streams = [await stack.enter_async_context(connection(gateway, begun)) for _ in range(6)]
        answers = [asyncio.create_task(status_of(reader)) for reader, _ in streams]
        while sum(answer.done() for answer in answers) < 4:
            await asyncio.sleep(0.01)
        assert [answer.result() for answer in answers if answer.done()] == [503] * 4
        assert await metric(gateway) == 200
        for answer, (_, writer) in zip(answers, streams, strict=True):
            if not answer.done():
                writer.write(b"x" * 100_000)
                assert await answer == 200


async def test_of_too_many_bytes_the_oldest_are_given_up(start_gateway: StartGateway) -> None:
    gateway = await start_gateway()
    size = 60_000
    fit = MOST_BYTES // size
    async with AsyncExitStack() as stack:
        begun = [
            await stack.enter_async_context(connection(gateway, head(b"Content-Length: %d" % (size + 1)) + b"x" * size))
            for _ in range(fit + 20)
        ]
        answers = [asyncio.create_task(status_of(reader)) for reader, _ in begun]
        while not any(answer.done() for answer in answers):
            await asyncio.sleep(0.01)
        for answer in answers[:15]:
            assert await answer == 503
        assert not any(answer.done() for answer in answers[25:])
        begun[-1][1].write(b"x")
        assert await answers[-1] == 200
        for answer in answers:
            answer.cancel()


async def test_many_small_pieces_are_one_body(start_gateway: StartGateway, upstream: UpstreamServer) -> None:
    gateway = await start_gateway()
    for size in (2, 1000, 65_536, 65_537, 300_000):
        body = bytes(index % 251 for index in range(size))

        async def pieces(body: bytes = body):
            step = len(body) // 7 + 1
            for start in range(0, len(body), step):
                yield body[start : start + step]
                await asyncio.sleep(0)

        assert (await gateway.post("/metrics/aggregated", content=pieces())).status_code == 200
        assert upstream.requests[-1][1] == body
