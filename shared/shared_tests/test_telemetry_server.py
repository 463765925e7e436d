"""The port of the metrics answers whoever scrapes, however many hold a place there."""

import socket
import threading
from contextlib import suppress

import httpx
import pytest
from prometheus_client import CollectorRegistry, Counter

from shared.embedded.ports import free_ports
from shared.telemetry import server as telemetry_server


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(telemetry_server.Handler, "timeout", 1)
    registry, port = CollectorRegistry(), next(free_ports())
    Counter("probes", "For the test", registry=registry).inc()
    telemetry_server.serve_metrics(port, "127.0.0.1", registry)
    return port


def scrape(port: int) -> str:
    return httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5).text


@pytest.mark.parametrize("beginning", [b"", b"GET /metr", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: "])
def test_connections_that_say_nothing_more_take_a_few_threads_and_nobodys_place(port: int, beginning: bytes) -> None:
    before = threading.active_count()
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(100)]
    for connection in held:
        connection.sendall(beginning)
    for _ in range(3):
        assert "probes_total 1.0" in scrape(port)
        assert threading.active_count() <= before + telemetry_server.MOST_AT_ONCE + 1
    for connection in held:  # and none of them waits for ever
        connection.settimeout(10)
        with suppress(ConnectionResetError):
            connection.recv(65_536)
        connection.close()


def test_who_drips_loses_its_place_to_who_scrapes(port: int) -> None:
    held = [socket.create_connection(("127.0.0.1", port)) for _ in range(telemetry_server.MOST_AT_ONCE)]
    for _ in range(5):
        for connection in held:
            with suppress(OSError):
                connection.sendall(b"x")
        assert "probes_total 1.0" in scrape(port)
    for connection in held:
        connection.close()
