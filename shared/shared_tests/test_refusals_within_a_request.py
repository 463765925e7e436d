"""A request that turns out wrong half-way keeps its id, method and path, and is one line and one count."""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until

SERVICE = Path(__file__).parent / "slow_service.py"
START = b"POST /take?query=1 HTTP/1.1\r\nHost: slow\r\nX-Request-ID: stranger-id-1\r\nTransfer-Encoding: chunked\r\n"
NAMELESS = START.replace(b"X-Request-ID: stranger-id-1\r\n", b"")


@pytest.fixture
def telemetry_port() -> int:
    return next(free_ports())


@pytest.fixture
def server(tmp_path: Path, telemetry_port: int) -> Iterator[ServerProcess]:
    port = next(free_ports())
    variables = {
        "PORT": str(port), "LOG_LEVEL": "INFO", "LOG_FORMAT": "json", "TELEMETRY_PORT": str(telemetry_port),
        "PROGRESS_SECONDS": "1", "HEAD_SECONDS": "1",
    }  # fmt: skip
    server = ServerProcess([sys.executable, str(SERVICE)], port, tmp_path / "log", variables)
    server.start()
    yield server
    server.stop()


def lines_of(server: ServerProcess) -> list[dict]:
    lines = [json.loads(line) for line in server.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == "request"]


async def answer_to(server: ServerProcess, *segments: bytes) -> bytes:
    """What comes back; each further segment is sent once the server has begun with the one before."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for segment in segments:
        writer.write(segment)
        await asyncio.sleep(0.2)  # so that they arrive one by one; the outcome is the same when they do not
    async with asyncio.timeout(10):
        answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("segments", "status", "reason"),
    [
        ((START + b"\r\n1\r\n{\r\n", b"zz\r\n"), 400, "chunk"),
        ((START + b"\r\n1\r\n{\r\nzz\r\n",), 400, "chunk"),
        ((START + b"\r\n" + b"1\r\nx\r\n" * 2000 + b"1\r\n{\r\nzz\r\n",), 400, "chunk"),
        ((START + b"\r\n" + b"1\r\n \r\n" * 20_000,), 400, "tiny_chunks"),
        ((START + b"\r\n1\r\n{\r\n0\r\n", b"Host: other\r\n\r\n"), 400, "trailer"),
        ((START + b"\r\n", b"1;" + b"x" * 20_000 + b"\r\n"), 431, "trailers_too_large"),
        ((START + b"\r\n1\r\n{\r\n",), 408, "slow_body"),
        ((START + b"bad field: 1\r\n\r\n",), 400, "bad_field"),
        ((START + b"bad field",), 408, "slow_head"),
        ((START + b"X: \x00",), 400, "not_http"),
        ((START + b"X: 1\r\n" * 200 + b"\r\n",), 431, "head_too_large"),
        ((START + b"X: " + b"1" * 40_000 + b"\r\n\r\n",), 431, "head_too_large"),
        ((START + b"Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n",), 400, "repeated_field"),
        ((START + b"authorization: Bearer a\r\nAuthorization: Bearer a\r\n\r\n",), 400, "repeated_field"),
        ((START + b"X-API-Key: a\r\nx-api-key: b\r\n\r\n",), 400, "repeated_field"),
    ],
)
async def test_a_refusal_names_its_request_and_is_counted_once(
    server: ServerProcess, telemetry_port: int, segments: tuple[bytes, ...], status: int, reason: str
) -> None:
    head, _, body = (await answer_to(server, *segments)).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"x-request-id: stranger-id-1" in head
    problem = json.loads(body)
    assert (problem["status"], problem["instance"], problem["request_id"]) == (status, "/take", "stranger-id-1")
    wait_until(lambda: bool(lines_of(server)), "the line of the request")
    (line,) = lines_of(server)
    told = ("method", "path", "status", "refused", "request_id", "client")
    assert [line[name] for name in told] == ["POST", "/take", status, reason, "stranger-id-1", "127.0.0.1"]
    async with httpx.AsyncClient() as client:
        metrics = (await client.get(f"http://127.0.0.1:{telemetry_port}/metrics")).text
    counted = [line for line in metrics.splitlines() if line.startswith("http_requests_total{")]
    assert len(counted) == 1
    assert 'method="POST"' in counted[0]
    assert f'status="{status}"' in counted[0]
    assert counted[0].endswith(" 1.0")
    assert f'http_refusals_total{{reason="{reason}"}} 1.0' in metrics


async def test_a_request_without_an_id_has_the_same_new_one_in_answer_and_log(server: ServerProcess) -> None:
    for count, segments in enumerate(((b"\r\n1\r\n{\r\n", b"zz\r\n"), (b"\r\nzz\r\n",)), start=1):
        answer = await answer_to(server, NAMELESS + segments[0], *segments[1:])
        wait_until(lambda count=count: len(lines_of(server)) == count, "the line of the request")
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["request_id"] == lines_of(server)[-1]["request_id"]
