"""What upstreams say over a raw socket, well-formed or not, and what the client gets of it."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from prometheus_client import REGISTRY

from gateway_tests.conftest import StartGateway
from shared.embedded.ports import free_ports

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class RawUpstream:
    """Reads a request's head, and its body when that has a length, then writes what the test says."""

    def __init__(self) -> None:
        self.port = next(free_ports())
        self.answers = [OK]
        """One for each request; the last is repeated."""
        self.close_after_answer = False
        self.read_bodies = True
        self.heads: list[bytes] = []
        self.connections = 0
        self.closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.heads.append(head)
                if self.read_bodies:
                    await reader.readexactly(length_of(head))
                writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
                await writer.drain()
                if self.close_after_answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        self.closed.set()
        writer.close()


def length_of(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return sum(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length:"))


@pytest.fixture
async def raw() -> AsyncIterator[RawUpstream]:
    upstream = RawUpstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", upstream.port, limit=2**20)
    yield upstream
    server.close()


@pytest.fixture
async def gateway(start_gateway: StartGateway, raw: RawUpstream) -> httpx.AsyncClient:
    return await start_gateway(wait_for_postgres=False, metrics_url=f"http://127.0.0.1:{raw.port}")


def assert_bad_gateway(answer: httpx.Response) -> None:
    assert answer.status_code == 502
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"


@pytest.mark.parametrize(
    "garbage",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: nonsense\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX-Endless: " + b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n" + b"X-Many: y\r\n" * 10_000 + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
        b"HTTP/1.1 600 Beyond\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 999 Far beyond\r\nContent-Length: 70000\r\n\r\n" + b"x" * 70_000,
        b"HTTP/1.1 099 Below\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 2000 Long\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1_0\r\n\r\nok",
        b"",
    ],
)
async def test_what_is_no_answer_is_a_502_and_the_connection_is_not_used_again(
    gateway: httpx.AsyncClient, raw: RawUpstream, garbage: bytes
) -> None:
    raw.answers = [garbage, OK]
    raw.close_after_answer = not garbage
    assert_bad_gateway(await gateway.get("/metrics/count"))
    raw.close_after_answer = False
    assert (await gateway.get("/metrics/count")).text == "ok"
    assert raw.connections == 2


async def test_a_small_answer_that_breaks_off_is_a_502(gateway: httpx.AsyncClient, raw: RawUpstream) -> None:
    raw.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"]
    raw.close_after_answer = True
    assert_bad_gateway(await gateway.get("/metrics/count"))


async def test_an_answer_that_nobody_asked_for_is_never_taken_for_the_next_one(
    gateway: httpx.AsyncClient, raw: RawUpstream
) -> None:
    raw.answers = [OK + OK.replace(b"ok", b"no"), OK]
    assert [(await gateway.get("/metrics/count")).text for _ in range(3)] == ["ok"] * 3
    assert raw.connections == 2


async def test_informational_answers_are_skipped(gateway: httpx.AsyncClient, raw: RawUpstream) -> None:
    raw.answers = [b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n" + OK]
    answer = await gateway.get("/metrics/count")
    assert (answer.status_code, answer.text) == (200, "ok")
    assert "link" not in answer.headers


@pytest.mark.parametrize(
    ("method", "head"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n"),
        ("GET", b'HTTP/1.1 304 Not Modified\r\nETag: "1"\r\n\r\n'),
    ],
)
async def test_answers_without_a_body_end_with_their_head_and_the_connection_is_used_again(
    gateway: httpx.AsyncClient, raw: RawUpstream, method: str, head: bytes
) -> None:
    raw.answers = [head]
    for _ in range(3):
        answer = await gateway.request(method, "/metrics/count")
        assert answer.status_code == int(head[9:12])
        assert answer.content == b""
    assert raw.connections == 1


async def test_an_answer_that_ends_with_its_connection_comes_whole(
    gateway: httpx.AsyncClient, raw: RawUpstream
) -> None:
    raw.answers = [b"HTTP/1.1 200 OK\r\n\r\n" + b"until the end " * 10_000]
    raw.close_after_answer = True
    assert (await gateway.get("/metrics/count")).text == "until the end " * 10_000


async def test_an_upstream_may_close_after_each_answer(gateway: httpx.AsyncClient, raw: RawUpstream) -> None:
    raw.answers = [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")]
    raw.close_after_answer = True
    assert [(await gateway.get("/metrics/count")).text for _ in range(3)] == ["ok"] * 3
    assert raw.connections == 3


async def test_an_upstream_that_refuses_before_it_has_read_the_body_is_heard(
    gateway: httpx.AsyncClient, raw: RawUpstream
) -> None:
    raw.answers = [b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno"]
    raw.read_bodies = False
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(b"POST /feedback HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + b"beginning" * 8000)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 403")
    await asyncio.wait_for(raw.closed.wait(), 10)  # half a request has been sent: nothing may follow it
    writer.close()


@pytest.mark.parametrize(
    ("framing", "expected"),
    [
        (b"Content-Length: 4\r\n\r\nbody", b"content-length: 4"),
        (b"Transfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n", b"content-length: 4"),
        (b"\r\n", b"content-length: 0"),
    ],
)
async def test_the_upstream_is_told_once_and_by_us_where_the_body_ends(
    gateway: httpx.AsyncClient, raw: RawUpstream, framing: bytes, expected: bytes
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(b"POST /feedback HTTP/1.1\r\nHost: x\r\n" + framing)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()
    (head,) = raw.heads
    lines = head.split(b"\r\n")
    assert lines[:2] == [b"POST /feedback HTTP/1.1", b"host: 127.0.0.1:%d" % raw.port]
    assert [line for line in lines if line.startswith((b"content-length", b"transfer-encoding"))] == [expected]


async def test_a_request_is_not_sent_twice(gateway: httpx.AsyncClient, raw: RawUpstream) -> None:
    assert (await gateway.get("/metrics/count")).text == "ok"
    raw.answers = [b""]
    raw.close_after_answer = True
    assert_bad_gateway(await gateway.get("/metrics/count"))
    assert len(raw.heads) == 2


PLAIN = b"Content-Type: text/plain; charset=utf-8\r\n"
SAID_BY_TRAEFIK = {
    404: PLAIN + b"X-Content-Type-Options: nosniff\r\nContent-Length: 19\r\n\r\n404 page not found\n",
    500: PLAIN + b"Content-Length: 22\r\n\r\nInternal Server Error\n",
    502: b"Content-Length: 11\r\n\r\nBad Gateway",
    503: PLAIN + b"X-Content-Type-Options: nosniff\r\nContent-Length: 20\r\n\r\nno available server\n",
    504: b"Content-Length: 15\r\n\r\nGateway Timeout",
}
"""As Traefik 3.7 writes them, without the date."""


@pytest.mark.parametrize("status", list(SAID_BY_TRAEFIK))
async def test_what_a_balancer_says_in_a_services_place_becomes_a_problem(
    gateway: httpx.AsyncClient, raw: RawUpstream, status: int
) -> None:
    raw.answers = [
        b"HTTP/1.1 %d Said\r\n%s" % (status, SAID_BY_TRAEFIK[status]),
        b"HTTP/1.1 %d Said\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}" % status,
    ]
    assert_bad_gateway(await gateway.get("/metrics/count"))
    said_by_the_service = await gateway.get("/metrics/count")
    assert (said_by_the_service.status_code, said_by_the_service.text) == (status, "{}")


async def test_a_request_may_wait_for_a_service_that_is_being_replaced(start_gateway: StartGateway) -> None:
    late = RawUpstream()
    gateway = await start_gateway(
        wait_for_postgres=False, metrics_url=f"http://127.0.0.1:{late.port}", upstream_wait_seconds=30
    )
    waiting = asyncio.create_task(gateway.post("/metrics/aggregated", json={}))
    while not REGISTRY.get_sample_value("upstream_waits_total", {"upstream": "metrics-service"}):
        await asyncio.sleep(0.01)
    async with await asyncio.start_server(late.serve, "127.0.0.1", late.port):
        assert (await waiting).text == "ok"
    assert len(late.heads) == 1


@pytest.mark.parametrize("status", [404, 503])
async def test_a_request_that_a_balancer_sent_to_nobody_is_sent_again_with_its_body(
    start_gateway: StartGateway, raw: RawUpstream, status: int
) -> None:
    gateway = await start_gateway(
        wait_for_postgres=False, metrics_url=f"http://127.0.0.1:{raw.port}", upstream_wait_seconds=30
    )
    nobody = b"HTTP/1.1 %d Nobody\r\n%s" % (status, SAID_BY_TRAEFIK[status])
    raw.answers = [nobody, nobody, OK]

    assert (await gateway.post("/metrics/aggregated", json={"time_window_minutes": 5})).text == "ok"
    assert len(raw.heads) == 3
    assert raw.connections == 3, "one that leads to a balancer with nobody behind it is not used again"


@pytest.mark.parametrize("status", [500, 502, 504])
async def test_a_request_that_a_balancer_may_have_handed_on_is_not_sent_again(
    start_gateway: StartGateway, raw: RawUpstream, status: int
) -> None:
    gateway = await start_gateway(
        wait_for_postgres=False, metrics_url=f"http://127.0.0.1:{raw.port}", upstream_wait_seconds=30
    )
    raw.answers = [b"HTTP/1.1 %d Broken\r\n%s" % (status, SAID_BY_TRAEFIK[status])]

    assert_bad_gateway(await gateway.post("/metrics/aggregated", json={}))
    assert len(raw.heads) == 1


@pytest.fixture
async def predictions(start_gateway: StartGateway, raw: RawUpstream) -> httpx.AsyncClient:
    return await start_gateway(wait_for_postgres=False, prediction_url=f"http://127.0.0.1:{raw.port}")


BROKEN_OFF = b""
GIVEN_UP = b"HTTP/1.1 502 Broken\r\n" + SAID_BY_TRAEFIK[502]
KEY = {"Idempotency-Key": "8e03978e-40d5-43e8-bc93-6894a57f9324"}


@pytest.mark.parametrize("path", ["/predict", "/predict/batch"])
@pytest.mark.parametrize("failure", [BROKEN_OFF, GIVEN_UP])
async def test_a_request_with_a_key_is_sent_again_with_its_body_when_nobody_answered(
    predictions: httpx.AsyncClient, raw: RawUpstream, path: str, failure: bytes
) -> None:
    raw.answers, raw.close_after_answer = [failure, OK], True
    assert (await predictions.post(path, json={"text": "x"}, headers=KEY)).text == "ok"
    first, second = raw.heads
    assert first == second
    assert b"idempotency-key: 8e03978e-40d5-43e8-bc93-6894a57f9324" in first


@pytest.mark.parametrize(
    ("path", "headers", "times"),
    [("/predict", {}, 1), ("/feedback", KEY, 1), ("/models", KEY, 1), ("/predict", KEY, 2)],
)
async def test_without_a_key_and_elsewhere_it_is_not_and_never_more_than_once(
    start_gateway: StartGateway, raw: RawUpstream, path: str, headers: dict[str, str], times: int
) -> None:
    url = f"http://127.0.0.1:{raw.port}"
    gateway = await start_gateway(wait_for_postgres=False, prediction_url=url, metrics_url=url)
    raw.answers, raw.close_after_answer = [BROKEN_OFF], True
    assert_bad_gateway(await gateway.post(path, json={"text": "x"}, headers=headers))
    assert len(raw.heads) == times


async def test_a_body_that_is_sent_on_before_it_is_complete_is_not_sent_again(
    predictions: httpx.AsyncClient, raw: RawUpstream
) -> None:
    raw.answers, raw.close_after_answer = [BROKEN_OFF], True
    body = b'{"texts": ["' + b"x" * 200_000 + b'"]}'
    answer = await predictions.post("/predict/batch", content=body, headers=KEY | {"Content-Type": "application/json"})
    assert_bad_gateway(answer)
    assert len(raw.heads) == 1


@pytest.mark.parametrize("value", [b"a\x01b", b"a\x7fb", b"a\x0bb", b"a\x00b"])
async def test_control_characters_in_what_an_upstream_says_are_a_502(
    gateway: httpx.AsyncClient, raw: RawUpstream, value: bytes
) -> None:
    for length in (2, 70_000):  # read whole, and streamed
        body = b"x" * length
        raw.answers = [b"HTTP/1.1 200 OK\r\nX-Odd: %b\r\nContent-Length: %d\r\n\r\n%b" % (value, length, body)]
        assert_bad_gateway(await gateway.get("/metrics/count"))


async def test_a_length_beside_chunks_does_not_count(gateway: httpx.AsyncClient, raw: RawUpstream) -> None:
    raw.answers = [b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"]
    raw.close_after_answer = True
    answer = await gateway.get("/metrics/count")
    assert answer.status_code == 502 or answer.text == "hello"
