"""An offer to upgrade changes nothing: the body stays the body. Trailers and extensions are counted and dropped."""

import asyncio
import base64
import hashlib
import json

import pytest

from shared.testing.http_reference import Response, next_response
from shared_tests.conftest import StartEcho

INNER = b"POST /predict HTTP/1.1\r\nHost: door\r\nX-Forwarded-For: 6.6.6.6\r\nContent-Length: 2\r\n\r\n{}"
CLOSING = b"GET /after HTTP/1.1\r\nHost: door\r\nConnection: close\r\n\r\n"
CHUNKED = b"POST /x HTTP/1.1\r\nHost: door\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"


@pytest.fixture(scope="module")
def port(start_echo: StartEcho) -> int:
    return start_echo(MAX_TRAILER_BYTES=1000).port


async def answers(port: int, *segments: bytes) -> list[Response]:
    """All that comes back for these segments, each sent on its own."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    found = []
    async with asyncio.timeout(10):
        for segment in segments:
            writer.write(segment)
            await writer.drain()
            await asyncio.sleep(0.05)  # so that it is a segment of its own
        while (answer := await next_response(reader, "")) is not None:
            found.append(answer)
    writer.close()
    return found


def reading(answer: Response) -> dict:
    return json.loads(base64.b64decode(answer.headers["x-reading"]))


@pytest.mark.parametrize("upgrade", ["foo", "h2c", "TLS/1.0", "HTTP/2.0, SHTTP/1.3", "websocket2", "h2c, websocket"])
@pytest.mark.parametrize("connection", ["Upgrade", "upgrade, HTTP2-Settings", "keep-alive, UPGRADE"])
@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
async def test_the_body_of_a_request_that_offers_an_upgrade_is_its_body(
    port: int, upgrade: str, connection: str, chunked: bool
) -> None:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(INNER)}"
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(INNER), INNER) if chunked else INNER
    head = f"POST /outer HTTP/1.1\r\nHost: door\r\nConnection: {connection}\r\nUpgrade: {upgrade}\r\n{framing}\r\n\r\n"
    outer, after = await answers(port, head.encode(), body, CLOSING)
    assert reading(outer)["body"] == hashlib.sha256(INNER).hexdigest()
    assert reading(after)["path"] == "/after"


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /chat HTTP/1.1\r\nHost: door\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"PUT /c HTTP/1.1\r\nHost: door\r\nConnection: upgrade\r\nUpgrade: WebSocket\r\nContent-Length: 3\r\n\r\nabc",
        b"CONNECT door:443 HTTP/1.1\r\nHost: door\r\n\r\n",
        b"CONNECT /x HTTP/1.1\r\nHost: door\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
async def test_websockets_and_tunnels_are_refused_and_the_connection_closed(port: int, request_bytes: bytes) -> None:
    (refusal,) = await answers(port, request_bytes, INNER)
    assert refusal.status == 501
    assert refusal.closes
    assert json.loads(refusal.body)["request_id"] == refusal.headers["x-request-id"]


@pytest.mark.parametrize(
    "trailer",
    [b"Authorization: Bearer stolen", b"X-Forwarded-For: 6.6.6.6", b"X-Request-ID: 0123456789", b"Cookie: a=b"],
)
async def test_trailers_are_no_headers(port: int, trailer: bytes) -> None:
    outer, after = await answers(port, CHUNKED + b"0\r\n" + trailer + b"\r\n\r\n", CLOSING)
    names = [name for name, _ in reading(outer)["headers"]]
    assert names == ["host", "transfer-encoding"]
    assert reading(after)["path"] == "/after"


@pytest.mark.parametrize(
    "trailer", [b"Content-Length: 5", b"Host: evil", b"Transfer-Encoding: chunked", b"no colon", b" X: folded"]
)
async def test_trailers_that_could_change_the_framing_or_are_none_are_refused(port: int, trailer: bytes) -> None:
    (refusal,) = await answers(port, CHUNKED + b"0\r\n" + trailer + b"\r\n\r\n", CLOSING)
    assert refusal.status == 400


@pytest.mark.parametrize(
    "rest",
    [
        b"0\r\n" + b"X: y\r\n" * 300,
        b"0\r\nX: " + b"y" * 2000,
        b"1;" + b"e" * 2000 + b"\r\nx\r\n",
        b"1;" + b"e" * 90 + b"\r\nx\r\n" + b"".join(b"1;" + b"e" * 90 + b"\r\nx\r\n" for _ in range(20)),
        b"2" * 2000,
    ],
    ids=["many trailers", "a long trailer", "a long extension", "many extensions", "a size without end"],
)
async def test_what_stands_around_the_chunks_is_bounded(port: int, rest: bytes) -> None:
    (refusal,) = await answers(port, CHUNKED + rest)
    assert refusal.status == 431
    assert refusal.closes
