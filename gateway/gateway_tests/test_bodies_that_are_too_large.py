"""A 413 reaches every client, however large the body and however it is sent."""

import asyncio
from pathlib import Path

import httpx
import pytest

from gateway_tests.conftest import StartGateway, UpstreamServer
from shared.testing.foreign_clients import FOREIGN_CLIENTS


@pytest.mark.parametrize("name", FOREIGN_CLIENTS)
@pytest.mark.parametrize("size", [2_000_000, 20_000_000])
@pytest.mark.parametrize("trusted", ["127.0.0.1", ""], ids=["proxy", "client"])
async def test_every_client_reads_the_refusal(
    start_gateway: StartGateway, upstream: UpstreamServer, tmp_path: Path, name: str, size: int, trusted: str
) -> None:
    gateway = await start_gateway(trusted_proxies=trusted)
    body = tmp_path / "body"
    body.write_bytes(b"x" * size)
    status, said = await asyncio.to_thread(FOREIGN_CLIENTS[name], f"{str(gateway.base_url).rstrip('/')}/feedback", body)
    assert status == 413
    assert "request_id" in said
    assert upstream.requests == []


async def test_a_proxy_is_answered_when_it_has_sent_everything(gateway: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    head = b"POST /feedback HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2000000\r\n\r\n"
    writer.write(head + b"x" * 1_999_999)
    await writer.drain()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.readline(), 0.5)
    writer.write(b"x")
    assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


@pytest.mark.parametrize(
    "more",
    [b"Expect: 100-continue\r\n", b""],
    ids=["who waits to be told to go on", "whose client sends no more"],
)
async def test_nor_does_a_proxy_wait_for_ever(start_gateway: StartGateway, more: bytes) -> None:
    gateway = await start_gateway(linger_seconds=0.5)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(b"POST /feedback HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2000000\r\n" + more + b"\r\n")
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()


async def test_a_proxy_that_sends_without_end_is_answered_too(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(linger_bytes=1_000_000)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(b"POST /feedback HTTP/1.1\r\nHost: gateway\r\nContent-Length: 2000000000\r\n\r\n")
    writer.write(b"x" * 1_500_000)
    async with asyncio.timeout(30):
        assert (await reader.readline()).startswith(b"HTTP/1.1 413")
    writer.close()
