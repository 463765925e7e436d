"""What operators see: lines of requests, and metrics on a port of their own."""

import json
import socket
import time
from collections.abc import Callable

import httpx
import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until

TAKE = b"POST /take HTTP/1.1\r\nHost: slow\r\nContent-Type: application/json\r\n"

Start = Callable[..., ServerProcess]


def ask(server: ServerProcess, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{server.port}{path}", headers={"X-Request-ID": "request-4711"})


def test_each_request_is_one_line_with_everything_that_tells_it_from_others(start: Start) -> None:
    server = start(ACCESS_LOG="all")
    ask(server, "/slow?seconds=0&secret=hunter2")
    ask(server, "/with%0Anew%0Alines")
    ask(server, "/with%E2%80%A8a%20new%E2%80%A8line")
    ask(server, "/health/live")
    server.stop()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    known, refused, unknown = [line for line in lines if line["event"] == "request"]
    assert list(known) == [
        "method", "path", "route", "status", "duration_ms", "client",
        "event", "request_id", "level", "timestamp", "service",
    ]  # fmt: skip
    assert known["route"] == known["path"] == "/slow"
    assert (known["method"], known["status"], known["client"]) == ("GET", 200, "127.0.0.1")
    assert (known["request_id"], known["level"], known["service"]) == ("request-4711", "info", "slow")
    assert known["timestamp"][10] == "T"
    assert known["timestamp"][-1] == "Z"
    assert known["duration_ms"] >= 0
    assert (unknown["route"], unknown["status"]) == ("unmatched", 404)
    assert "\u2028" not in unknown["path"]
    assert (refused["status"], refused["refused"], refused["client"]) == (400, "control_character", "127.0.0.1")
    assert refused["path"] == "/with%0Anew%0Alines"
    assert list(refused) == [*known, "refused"]


def test_people_get_the_same_as_text(start: Start) -> None:
    server = start(LOG_FORMAT="console", LOG_LEVEL="DEBUG", ACCESS_LOG="all")
    ask(server, "/slow?seconds=0")
    ask(server, "/health/live")
    server.stop()
    known, probe = [line for line in server.log.read_text().splitlines() if " request  " in line]
    assert "INFO    slow" in known
    for value in ("method=GET", "path=/slow", "status=200", "client=127.0.0.1", "request_id=request-4711"):
        assert value in known
    assert "DEBUG" in probe


def test_metrics_are_on_a_port_of_their_own(start: Start) -> None:
    port = next(free_ports())
    server = start(TELEMETRY_PORT=str(port))
    ask(server, "/slow?seconds=0")
    metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
    assert 'http_requests_total{method="GET",route="/slow",status="200"} 1.0' in metrics
    assert 'http_request_duration_seconds_count{route="/slow"} 1.0' in metrics
    assert "http_requests_in_flight 0.0" in metrics
    assert ask(server, "/metrics").status_code == 404


@pytest.mark.parametrize(
    "beginning",
    [
        TAKE + b"Content-Length: 100\r\n\r\nhalf",
        TAKE + b"Transfer-Encoding: chunked\r\n\r\nff\r\nx",
        b"GET /slow?seconds=1 HTTP/1.1\r\nHost: slow\r\n\r\n",
    ],
    ids=["in the body", "in a chunk", "before the answer"],
)
def test_who_hangs_up_is_a_499_and_no_error(start: Start, beginning: bytes) -> None:
    server = start()
    with socket.create_connection(("127.0.0.1", server.port)) as client:
        client.sendall(beginning)
        time.sleep(0.3)  # so that the request has begun
    wait_until(lambda: '"event":"request"' in server.log.read_text(), "the request to end")
    server.stop()
    lines = [json.loads(line) for line in server.log.read_text().splitlines()]
    assert [line["status"] for line in lines if line["event"] == "request"] == [499]
    assert [line for line in lines if line["level"] not in ("info", "debug")] == []


def test_refusals_are_counted_by_their_reason(start: Start) -> None:
    port = next(free_ports())
    server = start(TELEMETRY_PORT=str(port))
    for request, reason in (
        (b"GET / HTTP/1.1\r\n\r\n", "host"),
        (b"GET / HTTP/1.1\r\nHost: slow\r\nHost: slow\r\n\r\n", "repeated_field"),
        (b"BREW / HTTP/1.1\r\nHost: slow\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "framing"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", "not_http"),
    ):
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(request)
            assert client.recv(65_536).startswith(b"HTTP/1.1 400 Bad Request\r\n")
        metrics = httpx.get(f"http://127.0.0.1:{port}/metrics").text
        assert f'http_refusals_total{{reason="{reason}"}} 1.0' in metrics
    server.stop()
    refusals = [line for line in map(json.loads, server.log.read_text().splitlines()) if line.get("refused")]
    assert [(line["status"], line["client"], len(line["request_id"])) for line in refusals] == [
        (400, "127.0.0.1", 32)
    ] * 4
    assert refusals[2]["method"] == "other"
