"""What strangers send, through the edge: bytes that once passed the gateway's limit, and floods beside a bystander."""

import itertools
import json
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from container_tests.load import CALLERS, Load
from container_tests.stack import REPOSITORY, ComposeStack, inspect
from shared.testing import foreign_clients

ATTACK = REPOSITORY / "gateway" / "gateway_tests" / "attack.py"
ATTACK_SECONDS = 4
KINDS = (
    "small requests, one behind the other", "limited requests, one behind the other",
    "small requests on many connections", "trailers after an early answer", "chunk extensions", "chunks of one byte",
    "a head without end", "answers that nobody reads", "many answers that nobody reads",
    "connections that send nothing", "half a head", "bodies that never come",
    "the rest of a body after an early answer",
)  # fmt: skip

INNER = (
    b"POST /predict HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 192.0.2.77\r\n"
    b'Content-Type: application/json\r\nContent-Length: 22\r\n\r\n{"text": "Smuggled in"}'
)
PREDICTION = b'{"text": "I love it."}'
MEGABYTE = 2**20


class Response(NamedTuple):
    status: int
    body: bytes


def talk(stack: ComposeStack, *segments: bytes) -> bytes:
    """Everything that comes back for these segments, until the other side closes or has been silent for a while."""
    answer = b""
    with socket.create_connection(("127.0.0.1", stack.http_port), timeout=10) as connection, suppress(OSError):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for segment in segments[:-1]:
            connection.sendall(segment)
            connection.settimeout(0.2)  # so that the segments are not one
            with suppress(TimeoutError):
                answer += connection.recv(65_536)
        connection.sendall(segments[-1])
        connection.settimeout(2)
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def responses(raw: bytes) -> list[int]:
    """The statuses of the responses in it: no body of ours has such a line in it."""
    return [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:] if part[:3].isdigit() and part[:3] != b"100"]


def count(client: httpx.Client) -> int:
    return int(client.get("/metrics/count").json()["total_predictions"])


def head(address: str, *lines: str, target: str = "/predict", method: str = "POST") -> bytes:
    common = ("Host: localhost", f"X-Forwarded-For: {address}", "Content-Type: application/json")
    return "\r\n".join([f"{method} {target} HTTP/1.1", *common, *lines, "", ""]).encode()


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunks"])
@pytest.mark.parametrize("protocol", ["foo", "h2c", "TLS/1.0", "websocket2", "HTTP/2.0, foo"])
def test_a_body_behind_an_upgrade_is_a_body(
    stack: ComposeStack, client: httpx.Client, new_address: str, protocol: str, chunked: bool
) -> None:
    before = count(client)
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(INNER)}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER) if chunked else INNER
    upgrade = ("Connection: Upgrade", f"Upgrade: {protocol}", framing)

    statuses = responses(talk(stack, head(new_address, *upgrade), body))

    assert len(statuses) == 1
    assert statuses[0] in {400, 422}
    assert count(client) == before


@pytest.mark.parametrize(
    ("lines", "body"),
    [
        (["Content-Length: 5", "Transfer-Encoding: chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked", "Content-Length: 5"], b"0\r\n\r\n"),
        (["Content-Length: 5", "Content-Length: 6"], b"hello"),
        (["Content-Length: +5"], b"hello"),
        (["Transfer-Encoding: xchunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding : chunked"], b"0\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"0\n\r\n\r\n"),
        (["Transfer-Encoding: chunked"], b"0x0\r\n\r\n"),
    ],
    ids=str,
)
def test_what_stands_behind_an_ambiguous_end_is_never_executed(
    stack: ComposeStack, client: httpx.Client, new_address: str, lines: list[str], body: bytes
) -> None:
    before = count(client)

    statuses = responses(talk(stack, head(new_address, *lines), body + INNER))

    # Where the edge itself knows but one end, what stands behind it is a request of its own, of the same client.
    assert statuses[:1] != [200]
    assert count(client) - before <= len(statuses[1:])


def test_a_trailer_is_no_header(stack: ComposeStack, new_address: str) -> None:
    token = (stack.secrets / "admin_token").read_text().strip()
    change = json.dumps({"min_confidence_warning": 0.61}).encode()
    announced = ("Transfer-Encoding: chunked", "Trailer: Authorization", "Connection: close")
    chunks = b"%x\r\n%b\r\n0\r\nAuthorization: Bearer %b\r\n\r\n" % (len(change), change, token.encode())

    raw = talk(stack, head(new_address, *announced, target="/metrics/thresholds", method="PUT"), chunks)

    assert responses(raw) == [401]


@pytest.mark.parametrize(
    "target",
    [
        "/v2/models/sentiment/infer%0A", "/v2/models/sentiment/infer%0d", "/v2/models/sentiment/infer%00",
        "/v2/models/sentiment/infer%09", "/v2/models/sentiment/infer%E2%80%8B", "/v2/models/sentiment/infer/",
        "/v2/models/sentiment//infer", "/v2/./models/sentiment/infer", "/v2/models/x/../sentiment/infer",
        "/v2/models/sentiment/%69nfer", "/V2/models/sentiment/infer", "/predict%20", "/predict/",
        "//predict", "/predict;a=b",
    ],
)  # fmt: skip
def test_no_spelling_passes_the_limit(stack: ComposeStack, client: httpx.Client, new_address: str, target: str) -> None:
    for _ in range(60):
        assert client.post("/predict", json={"text": "Again."}).status_code == 200
    before = count(client)

    raw = talk(
        stack, head(new_address, f"Content-Length: {len(PREDICTION)}", "Connection: close", target=target), PREDICTION
    )

    assert responses(raw)[0] in {301, 400, 404, 405, 429}
    assert count(client) == before


@pytest.mark.parametrize("post", [foreign_clients.by_http_client, foreign_clients.curl()], ids=["http.client", "curl"])
@pytest.mark.parametrize("megabytes", [2, 8, 20])
def test_a_body_that_is_too_large_is_told_so(
    stack: ComposeStack, tmp_path: Path, post: foreign_clients.Post, megabytes: int
) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(b'{"text": "' + b"x" * megabytes * MEGABYTE + b'"}')

    answers = [post(f"{stack.url}/predict", file) for _ in range(5)]

    assert [status for status, _ in answers] == [413] * 5
    assert all(json.loads(body)["status"] == 413 for _, body in answers)


@pytest.mark.parametrize(
    "post",
    [foreign_clients.curl("--http2"), foreign_clients.java, foreign_clients.node()],
    ids=["curl", "Java", "Node"],
)
def test_clients_that_offer_http_2_are_answered(
    stack: ComposeStack, tmp_path: Path, post: foreign_clients.Post
) -> None:
    file = tmp_path / "body.json"
    file.write_bytes(PREDICTION)

    status, body = post(f"{stack.url}/predict", file)

    assert status == 200, body
    assert json.loads(body)["prediction_label"] == "positive"


def test_methods_that_no_service_answers_cost_nothing(client: httpx.Client) -> None:
    for method, path in itertools.product(("OPTIONS", "HEAD", "GET"), ("/predict", "/v2/nowhere")):
        for _ in range(12):
            client.request(method, path)

    assert client.post("/predict", json={"text": "The first."}).headers["x-ratelimit-remaining"] == "59"


@pytest.mark.parametrize("kind", KINDS)
def test_a_bystander_is_served_behind_the_edge(stack: ComposeStack, kind: str) -> None:
    with Load(stack.url, "/metrics/count", None) as load:
        subprocess.run(
            [sys.executable, str(ATTACK), kind, str(stack.http_port), str(ATTACK_SECONDS)], check=True, timeout=60
        )

    assert set(load.outcomes) == {200}, load.failures
    assert load.outcomes[200] >= CALLERS  # each of them was answered
    for service in ("edge", "gateway", "inside"):
        assert inspect(stack.container(service))["RestartCount"] == 0
