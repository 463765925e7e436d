"""What operators see of a gateway, as a process of its own."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from gateway_tests.conftest import UpstreamServer
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.testing.postgres import Database

CLIENT = {"X-Forwarded-For": "192.0.2.1", "X-Request-ID": "request-4711"}


@pytest.fixture
async def process(upstream: UpstreamServer, database: Database, tmp_path: Path) -> AsyncIterator[ServerProcess]:
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
    }
    server = ServerProcess(
        [sys.executable, "-m", "gateway"], int(environment["PORT"]), tmp_path / "gateway.log", environment
    )
    await asyncio.to_thread(server.start)
    yield server
    await asyncio.to_thread(server.kill)


async def test_every_request_moves_the_metrics_and_is_one_line(process: ServerProcess) -> None:
    telemetry = process.environment["TELEMETRY_PORT"] if process.environment else ""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", headers=CLIENT, timeout=20) as client:
        statuses = [(await client.post("/predict", json={})).status_code for _ in range(3)]
        statuses.append((await client.get("/metrics/count")).status_code)
        statuses.append((await client.get("/metrics")).status_code)
        metrics = (await client.get(f"http://127.0.0.1:{telemetry}/metrics")).text
    assert statuses == [200, 429, 429, 502, 404]
    assert 'http_requests_total{method="POST",route="/predict",status="200"} 1.0' in metrics
    assert 'http_requests_total{method="POST",route="/predict",status="429"} 2.0' in metrics
    assert 'http_requests_total{method="GET",route="unmatched",status="404"} 1.0' in metrics
    assert 'http_request_duration_seconds_count{route="/predict"} 3.0' in metrics
    assert 'ingress_decisions_total{outcome="admitted",source=' in metrics
    assert 'ingress_decisions_total{outcome="refused",source=' in metrics
    assert 'upstream_errors_total{reason="connect",upstream="metrics-service"} 1.0' in metrics
    assert 'upstream_requests_in_flight{upstream="prediction-service"} 0.0' in metrics

    await asyncio.to_thread(process.stop)
    lines = [json.loads(line) for line in process.log.read_text().splitlines()]
    admitted, refused, *_ = [line for line in lines if line["event"] == "request"]
    for line, status in ((admitted, 200), (refused, 429)):
        assert (line["route"], line["status"], line["client"]) == ("/predict", status, "192.0.2.1")
        assert (line["request_id"], line["service"]) == ("request-4711", "gateway")
        assert line["duration_ms"] > 0
