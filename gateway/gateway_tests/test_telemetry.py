"""What operators see of a gateway, as a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
from aiohttp import web

from gateway_tests.conftest import UpstreamServer
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database

CLIENT = {"X-Forwarded-For": "192.0.2.1", "X-Request-ID": "request-4711"}


Start = Callable[..., Awaitable[ServerProcess]]


@pytest.fixture
async def start(upstream: UpstreamServer, database: Database, tmp_path: Path) -> AsyncIterator[Start]:
    """Starts a gateway with variables of the test's choice, before one service that is there and one that is not."""
    servers: list[ServerProcess] = []

    async def start(**variables: str) -> ServerProcess:
        ports = free_ports()
        nobody = f"http://127.0.0.1:{next(ports)}"
        environment = os.environ | {
            "PORT": str(next(ports)),
            "TELEMETRY_PORT": str(next(ports)),
            "DATABASE_URL": database.url("gateway").get_secret_value(),
            "PREDICTION_URL": upstream.url,
            "METRICS_URL": nobody,
            "ANALYTICS_URL": upstream.url,
            "TRUSTED_PROXIES": "127.0.0.1",
            "INGRESS_LIMITS": "1/60s",
            **variables,
        }
        server = ServerProcess(
            [sys.executable, "-m", "gateway"], int(environment["PORT"]), tmp_path / "gateway.log", environment
        )
        servers.append(server)
        await asyncio.to_thread(server.start)
        return server

    yield start
    for server in servers:
        await asyncio.to_thread(server.kill)


async def ask(process: ServerProcess) -> tuple[list[int], str]:
    """The statuses of a prediction, of two that are over the limit, of what nobody answers and of no route; metrics."""
    telemetry = process.environment["TELEMETRY_PORT"] if process.environment else ""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", headers=CLIENT, timeout=20) as client:
        statuses = [(await client.post("/predict", json={})).status_code for _ in range(3)]
        statuses.append((await client.get("/metrics/count")).status_code)
        statuses.append((await client.get("/metrics")).status_code)
        statuses.append((await client.get("/health/live")).status_code)
        return statuses, (await client.get(f"http://127.0.0.1:{telemetry}/metrics")).text


async def lines_after_its_end(process: ServerProcess) -> list[dict]:
    await asyncio.to_thread(process.stop)
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == "request"]


STATUSES = [200, 429, 429, 502, 404, 200]


async def test_every_request_moves_the_metrics_and_is_one_line(start: Start) -> None:
    process = await start()
    statuses, metrics = await ask(process)
    assert statuses == STATUSES
    assert 'http_requests_total{method="POST",route="/predict",status="200"} 1.0' in metrics
    assert 'http_requests_total{method="POST",route="/predict",status="429"} 2.0' in metrics
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in metrics
    assert 'http_request_duration_seconds_count{route="/predict"} 3.0' in metrics
    assert 'ingress_decisions_total{outcome="admitted",source=' in metrics
    assert 'ingress_decisions_total{outcome="refused",source=' in metrics
    assert 'upstream_errors_total{reason="connect",upstream="metrics-service"} 1.0' in metrics
    assert 'upstream_requests_in_flight{upstream="prediction-service"} 0.0' in metrics

    lines = await lines_after_its_end(process)
    assert [(line["route"], line["status"], line.get("upstream")) for line in lines] == [
        ("/predict", 200, "prediction-service"),
        ("/predict", 429, None),
        ("/predict", 429, None),
        ("/metrics/count", 502, "metrics-service"),
        ("unmatched", 404, None),
    ]
    for line in lines:
        assert (line["client"], line["request_id"], line["service"]) == ("192.0.2.1", "request-4711", "gateway")
        assert line["duration_ms"] > 0


@pytest.mark.parametrize(("access_log", "logged"), [("all", STATUSES[:-1]), ("errors", [502, 404]), ("off", [])])
async def test_the_access_log_has_what_it_is_told_and_the_metrics_have_all(
    start: Start, access_log: str, logged: list[int]
) -> None:
    process = await start(ACCESS_LOG=access_log, ACCESS_LOG_SLOW_SECONDS="0")
    statuses, metrics = await ask(process)
    assert statuses == STATUSES
    assert 'http_requests_total{method="POST",route="/predict",status="200"} 1.0' in metrics
    assert 'http_requests_total{method="POST",route="/predict",status="429"} 2.0' in metrics
    assert 'http_requests_total{method="GET",route="/metrics/count",status="502"} 1.0' in metrics
    assert [line["status"] for line in await lines_after_its_end(process)] == logged


async def test_a_slow_service_is_told_with_its_name(start: Start, upstream: UpstreamServer) -> None:
    async def takes_its_time(_: web.Request) -> web.Response:
        await asyncio.sleep(2.1)
        return web.json_response({})

    upstream.handler = takes_its_time
    process = await start(ACCESS_LOG="errors", ACCESS_LOG_SLOW_SECONDS="2", INGRESS_LIMITS="9/60s")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", headers=CLIENT, timeout=20) as client:
        assert (await client.post("/predict", json={})).status_code == 200
        upstream.handler = None
        assert (await client.post("/predict", json={})).status_code == 200
    (line,) = await lines_after_its_end(process)
    assert (line["status"], line["upstream"], line["client"]) == (200, "prediction-service", "192.0.2.1")
    assert line["duration_ms"] > 2000
