"""Of connections, and of requests in flight, each client has a bound; those behind a trusted proxy are told apart."""

import asyncio

import httpx
from aiohttp import web

from gateway_tests.conftest import StartGateway, UpstreamServer

GET = b"GET /health/live HTTP/1.1\r\nHost: gateway\r\n\r\n"


async def test_so_many_requests_in_flight_and_others_are_served(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    release, arrived = asyncio.Event(), asyncio.Semaphore(0)

    async def wait(request: web.Request) -> web.Response:
        arrived.release()
        await release.wait()
        return web.Response()

    upstream.handler = wait
    gateway = await start_gateway(max_requests_per_client=2)

    def ask(client: str) -> asyncio.Task[httpx.Response]:
        return asyncio.create_task(gateway.get("/models", headers={"X-Forwarded-For": client}))

    greedy = [ask("192.0.2.1"), ask("192.0.2.1")]
    for _ in greedy:
        await arrived.acquire()
    refused = await gateway.get("/models", headers={"X-Forwarded-For": "192.0.2.1"})
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert refused.json()["violated-policies"] == ["in-flight"]
    assert refused.json()["request_id"] == refused.headers["x-request-id"]
    modest = ask("192.0.2.2")
    await arrived.acquire()
    release.set()
    assert [answer.status_code for answer in await asyncio.gather(*greedy, modest)] == [200] * 3
    assert (await gateway.get("/models", headers={"X-Forwarded-For": "192.0.2.1"})).status_code == 200


async def opened(gateway: httpx.AsyncClient, count: int) -> list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """Connections over which something was asked and answered, or refused."""
    held = [await asyncio.open_connection("127.0.0.1", gateway.base_url.port) for _ in range(count)]
    for _, writer in held:
        writer.write(GET)
    return held


async def statuses(held: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> list[int]:
    return [int((await reader.readuntil(b"\r\n\r\n")).split()[1]) for reader, _ in held]


async def test_so_many_connections_of_one_client(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(trusted_proxies="", max_connections_per_client=5)
    await gateway.aclose()  # its own connection counts as well
    async with asyncio.timeout(10):
        while 503 in (found := await statuses(held := await opened(gateway, 5))):
            for _, writer in held:
                writer.transport.abort()
            await asyncio.sleep(0.05)
    assert found == [200] * 5
    assert await statuses(await opened(gateway, 3)) == [503] * 3
    other = httpx.AsyncHTTPTransport(local_address="127.0.0.2")
    async with httpx.AsyncClient(transport=other, base_url=gateway.base_url) as elsewhere:
        assert (await elsewhere.get("/health/live")).status_code == 200


async def test_the_connections_of_a_trusted_proxy_are_not_one_clients(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(max_connections_per_client=5)
    assert await statuses(await opened(gateway, 30)) == [200] * 30
