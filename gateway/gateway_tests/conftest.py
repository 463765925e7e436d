"""A real gateway in front of a real upstream, both in the test's event loop, over real sockets."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import httpx
import pytest
from aiohttp import web

from gateway.app import create_app, create_door
from gateway.settings import Settings
from shared.embedded.ports import free_ports
from shared.service.assembly import server_for
from shared.testing.postgres import Database

WITHOUT_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Made once: httpx reads all certificates of the system for each client, also for those that speak plain HTTP."""

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class UpstreamServer:
    """Plays all three services: records what arrives and answers as the test says."""

    port: int
    requests: list[tuple[web.Request, bytes]] = field(default_factory=list)
    handler: Handler | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/health":
            return web.json_response({"service": "upstream", "version": "1", "status": "ok"})
        if self.handler is not None:
            return await self.handler(request)
        body = await request.read()
        self.requests.append((request, body))
        return web.json_response({"path": request.path_qs, "length": len(body)})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        app = web.Application(client_max_size=0)
        app.router.add_route("*", "/{path:.*}", self.handle)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", self.port).start()
        try:
            yield
        finally:
            await runner.cleanup()


@pytest.fixture
async def upstream() -> AsyncIterator[UpstreamServer]:
    server = UpstreamServer(next(free_ports()))
    async with server.running():
        yield server


@asynccontextmanager
async def gateway_running(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a gateway with these settings."""
    server = server_for(create_app(settings), settings, create_door(settings))
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        url = f"http://127.0.0.1:{settings.port}"
        async with httpx.AsyncClient(base_url=url, timeout=20, verify=WITHOUT_TLS) as client:
            yield client
    finally:
        server.should_exit = True
        await serving


StartGateway = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def start_gateway(upstream: UpstreamServer, database: Database) -> AsyncIterator[StartGateway]:
    """Starts gateways with settings of the test's choice; waits until they share their limit through Postgres."""
    async with AsyncExitStack() as stack:

        async def start(wait_for_postgres: bool = True, **chosen: object) -> httpx.AsyncClient:
            defaults = {
                "database_url": database.url("gateway"),
                "prediction_url": upstream.url,
                "metrics_url": upstream.url,
                "analytics_url": upstream.url,
                "port": next(free_ports()),
                "trusted_proxies": "127.0.0.1",
                "shutdown_grace_seconds": 1,
            }
            settings = Settings.model_validate(defaults | chosen)
            client = await stack.enter_async_context(gateway_running(settings))
            while wait_for_postgres and not await shares_its_limit(client):
                await asyncio.sleep(0.02)
            return client

        yield start


async def shares_its_limit(client: httpx.AsyncClient) -> bool:
    """Whether the gateway counts through Postgres."""
    services = (await client.get("/health")).json()["services"]
    return services["gateway"]["components"]["postgres"]["status"] == "ok"


@pytest.fixture
async def gateway(start_gateway: StartGateway) -> httpx.AsyncClient:
    """A client of a gateway with default settings that trusts the test's X-Forwarded-For."""
    return await start_gateway()
