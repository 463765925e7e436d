"""A client that hangs up is a 499 and no error; whose body turns out wrong has its refusal, and nobody a traceback."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx
import pytest
from aiohttp import web
from prometheus_client import REGISTRY

from gateway_tests.conftest import StartGateway, UpstreamServer

HEAD = b"POST /predict HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"


def counted(status: str, route: str = "/predict") -> float:
    labels = {"route": route, "method": "POST", "status": status}
    return REGISTRY.get_sample_value("http_requests_total", labels) or 0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture(autouse=True)
async def nothing_is_said_about_errors(capfd: pytest.CaptureFixture[str]) -> AsyncIterator[None]:
    yield
    said = capfd.readouterr()
    assert "Traceback" not in said.out + said.err
    assert "ERROR" not in said.out + said.err


async def connect(gateway: httpx.AsyncClient) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", gateway.base_url.port)


@pytest.mark.parametrize(
    "beginning",
    [
        b"Content-Length: 100000\r\n\r\n" + b"h" * 70_000,
        b"Transfer-Encoding: chunked\r\n\r\n18000\r\n" + b"h" * 70_000,
        b"Content-Length: 4\r\n\r\nwhole",
    ],
    ids=["in the body", "in a chunk", "before the answer"],
)
async def test_who_hangs_up_in_the_middle_is_a_499(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, beginning: bytes
) -> None:
    reached = asyncio.Event()

    async def never(request: web.Request) -> web.Response:
        reached.set()
        await asyncio.Event().wait()
        raise AssertionError

    upstream.handler = never
    before, errors = counted("499"), counted("500")
    _, writer = await connect(gateway)
    writer.write(HEAD + beginning)
    await reached.wait()
    writer.transport.abort()
    await until(lambda: counted("499") == before + 1)
    assert counted("500") == errors


@pytest.mark.parametrize(
    "beginning",
    [
        b"Content-Length: 100\r\n\r\n",
        b"Content-Length: 100\r\n\r\nhalf",
        b"Transfer-Encoding: chunked\r\n\r\n64\r\nhalf",
    ],
)
async def test_who_hangs_up_before_a_small_body_is_here_is_a_499_and_no_service_hears_of_it(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, beginning: bytes
) -> None:
    before = counted("499")
    _, writer = await connect(gateway)
    writer.write(HEAD + beginning)
    await until(lambda: REGISTRY.get_sample_value("http_requests_in_flight") == 1)
    writer.transport.abort()
    await until(lambda: counted("499") == before + 1)
    assert upstream.requests == []


async def test_who_hangs_up_while_the_answer_comes_is_no_error(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    ended = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65_536)
        finally:
            ended.set()

    upstream.handler = endless
    reader, writer = await connect(gateway)
    writer.write(b"GET /models HTTP/1.1\r\nHost: gateway\r\n\r\n")
    await reader.readexactly(1000)
    writer.transport.abort()
    await asyncio.wait_for(ended.wait(), 10)


async def test_chunks_that_turn_out_too_many_are_a_413(start_gateway: StartGateway, upstream: UpstreamServer) -> None:
    gateway = await start_gateway(max_body_bytes=10_000)
    reader, writer = await connect(gateway)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for _ in range(30):
        writer.write(b"200\r\n" + b"x" * 512 + b"\r\n")
        await writer.drain()
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_chunks_that_turn_out_too_many_while_they_are_answered_cut_the_answer(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    async def echo(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"begun")
        async for chunk in request.content.iter_any():
            await response.write(chunk)
        return response

    upstream.handler = echo
    gateway = await start_gateway(max_body_bytes=100_000)
    reader, writer = await connect(gateway)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n11170\r\n" + b"x" * 70_000 + b"\r\n")
    await reader.readuntil(b"begun")
    writer.write(b"11170\r\n" + b"x" * 70_000 + b"\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    assert b"0\r\n\r\n" not in answer
    writer.close()


async def test_chunks_that_are_none_are_refused_while_the_service_waits(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    reader, writer = await connect(gateway)
    writer.write(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
    writer.write(b"no size\r\n")
    answer = await asyncio.wait_for(reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 400")
    assert b"application/problem+json" in answer
    writer.close()
