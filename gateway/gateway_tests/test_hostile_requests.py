"""Requests that no honest client sends, over a raw socket: refused or cut, and the service stays as it was."""

import asyncio

import httpx
import psutil
import pytest

from gateway_tests.conftest import StartGateway, UpstreamServer

HOST = b"POST /predict HTTP/1.1\r\nHost: gateway\r\n"


async def exchange(gateway: httpx.AsyncClient, request: bytes) -> bytes:
    """Everything that comes back until the gateway closes or has nothing more to say."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(request)
    answer = b""
    try:
        async with asyncio.timeout(2):
            while chunk := await reader.read(65_536):
                answer += chunk
    except (TimeoutError, ConnectionResetError):
        pass
    writer.close()
    return answer


@pytest.fixture(autouse=True)
async def the_gateway_goes_on(gateway: httpx.AsyncClient):
    yield
    assert (await gateway.get("/models")).status_code == 200


@pytest.mark.parametrize(
    "request_bytes",
    [
        HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
        HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
        HOST + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        HOST + b"Content-Length: 5, 6\r\n\r\nhello",
        HOST + b"Content-Length: +5\r\n\r\nhello",
        HOST + b"Content-Length: -1\r\n\r\n",
        HOST + b"Content-Length: 5\x0b\r\n\r\nhello",
        HOST + b"Content-Length : 5\r\n\r\nhello",
        HOST + b"X-Folded: one\r\n two\r\n\r\n",
        HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n",
        HOST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        HOST + b"Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nx",
        HOST + b"Transfer-Encoding: chunked\r\n\r\n5;\nhello\r\n0\r\n\r\n",
        HOST + b"X-Null: a\x00b\r\n\r\n",
        b"POST /predict\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
    ],
)
async def test_ambiguous_framing_is_refused_and_never_reaches_a_service(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, request_bytes: bytes
) -> None:
    answer = await exchange(gateway, request_bytes)
    assert answer.startswith(b"HTTP/1.1 400"), answer
    assert b"application/problem+json" in answer
    assert upstream.requests == []
    assert answer.count(b"HTTP/1.1 4") == 1


async def test_chunk_extensions_are_dropped_on_the_way(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    chunked = b'Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n5;evil="1"\r\nhello\r\n0\r\n\r\n'
    assert (await exchange(gateway, HOST + chunked)).startswith(b"HTTP/1.1 200")
    ((_, body),) = upstream.requests
    assert body == b"hello"


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 600_000,
        b"GET / HTTP/1.1\r\nX-Long: " + b"x" * 600_000,
        b"GET / HTTP/1.1\r\n" + b"".join(b"X-%d: y\r\n" % number for number in range(60_000)),
    ],
    ids=["endless path", "endless header", "endless headers"],
)
async def test_a_head_without_end_is_cut_off(gateway: httpx.AsyncClient, head: bytes) -> None:
    assert (await exchange(gateway, head)).startswith(b"HTTP/1.1 431")


async def test_a_head_that_comes_too_slowly_is_cut_off(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(head_seconds=0.2)
    assert (await exchange(gateway, b"GET / HTTP/1.1\r\nHost: gate")).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize("framing", [b"Content-Length: 1073741824\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n"])
async def test_a_body_of_a_gibibyte_is_cut_off_and_memory_stays_flat(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, framing: bytes
) -> None:
    before = psutil.Process().memory_info().rss
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(HOST + framing)
    chunk = b"100000\r\n" + b"x" * 0x100000 + b"\r\n"
    sent = 0
    try:
        for _ in range(1024):
            writer.write(chunk)
            await writer.drain()
            sent += len(chunk)
    except ConnectionError:
        pass
    assert sent < 128 * 2**20  # what is dropped before and after the response, and what the system holds
    writer.close()
    assert psutil.Process().memory_info().rss - before < 32 * 2**20
    assert upstream.requests == []
    assert reader is not None


async def test_a_slow_body_holds_nothing_but_its_own_connection(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(body_timeout_seconds=0.5, upstream_max_in_flight=4)
    connections = [await asyncio.open_connection("127.0.0.1", gateway.base_url.port) for _ in range(40)]
    for _, writer in connections:
        writer.write(HOST + b"Content-Length: 1000\r\n\r\n{")
    assert (await gateway.get("/models")).status_code == 200
    for reader, writer in connections:
        assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()
