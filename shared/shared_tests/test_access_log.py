"""Which requests have a line in the log of a service, by ACCESS_LOG; metrics have every one."""

import asyncio
import json
import logging
import socket
from collections.abc import Callable

import httpx
import pytest

from shared.processes.server import ServerProcess
from shared.telemetry.access_log import AccessLog

REFUSED = b"GET /refused HTTP/1.1\r\nHost: slow\r\nHost: slow\r\n\r\n"

Start = Callable[..., ServerProcess]


def ask(server: ServerProcess, *paths: str) -> None:
    with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as client:
        for path in paths:
            client.get(path)


def ask_what_is_not_valid(server: ServerProcess) -> None:
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(REFUSED)
        assert client.recv(65_536).startswith(b"HTTP/1.1 400 ")


def lines_after_its_end(server: ServerProcess) -> list[dict]:
    server.stop()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == "request"]


def counted(server: ServerProcess) -> float:
    """Requests by the metrics."""
    port = (server.environment or {})["TELEMETRY_PORT"]
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text.splitlines()
    return sum(float(line.split()[-1]) for line in metrics if line.startswith("http_requests_total{"))


PATHS = (
    "/status/200",
    "/status/304",
    "/status/404",
    "/status/429",
    "/status/503",
    "/fail",
    "/health/live",
    "/health/ready",
)


@pytest.mark.parametrize(
    ("access_log", "level", "logged"),
    [
        (None, "INFO", [404, 503, 500, 400]),
        ("errors", "DEBUG", [404, 503, 500, 400]),
        ("all", "INFO", [200, 304, 404, 429, 503, 500, 400]),
        ("all", "DEBUG", [200, 304, 404, 429, 503, 500, 200, 200, 400]),
        ("all", "WARNING", []),
        ("off", "DEBUG", []),
    ],
)
def test_requests_are_logged_as_it_says_and_all_are_counted(
    start: Start, access_log: str | None, level: str, logged: list[int]
) -> None:
    variables = {"LOG_LEVEL": level, "ACCESS_LOG_SLOW_SECONDS": "0"}
    server = start(**variables, **({} if access_log is None else {"ACCESS_LOG": access_log}))
    ask(server, *PATHS)
    ask_what_is_not_valid(server)
    assert counted(server) == len(PATHS) + 1
    assert [line["status"] for line in lines_after_its_end(server)] == logged
    assert "as it was asked" in server.log.read_text(), "what failed is told, whatever becomes of its request"


async def test_slow_ones_are_logged_but_no_stream_that_begins_in_time(start: Start) -> None:
    server = await asyncio.to_thread(start, ACCESS_LOG_SLOW_SECONDS="2")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=20) as client:
        paths = ("/slow?seconds=2.1", "/stream?seconds=2.1", "/slow?seconds=0")
        responses = await asyncio.gather(*map(client.get, paths))
    assert [response.status_code for response in responses] == [200, 200, 200]
    (line,) = await asyncio.to_thread(lines_after_its_end, server)
    assert (line["route"], line["status"]) == ("/slow", 200)
    assert line["duration_ms"] > 2000


@pytest.mark.parametrize(
    ("logged", "slow_seconds", "status", "began_after", "has_line"),
    [
        ("errors", 1, 200, 0.999, False),
        ("errors", 1, 200, 1, True),
        ("errors", 1, 399, 0, False),
        ("errors", 1, 400, 0, True),
        ("errors", 1, 499, 0, True),
        ("errors", 1, 429, 0, False),
        ("errors", 1, 429, 2, True),
        ("errors", 0, 200, 3600, False),
        ("all", 1, 200, 0, True),
        ("all", 1, 429, 0, True),
        ("off", 1, 500, 3600, False),
    ],
)
def test_what_an_error_is_and_what_slow(
    logged: str, slow_seconds: float, status: int, began_after: float, has_line: bool
) -> None:
    log = AccessLog()
    log.configure("slow", "INFO", "json", logged=logged, slow_seconds=slow_seconds)
    assert log.has(logging.INFO, status, began_after) is has_line
    assert not log.has(logging.DEBUG, status, began_after)
