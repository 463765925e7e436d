"""Responses that are read here, without aiohttp's parser: only those of which there is one reading, and that is its."""

import asyncio
from unittest.mock import Mock

import pytest
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http import HttpResponseParser
from aiohttp.http_exceptions import HttpProcessingError
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.whole_response import whole_response

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 2\r\n\r\nok"

PIECES = st.sampled_from([
    b"HTTP/1.1", b"HTTP/1.0", b" ", b"200", b"204", b"304", b"101", b"600", b" OK", b"\r\n", b"\n", b"\r", b"\t",
    b"\x00", b"\x7f", b"\xe9", b":", b": ", b" :", b"a: b", b"A:b", b"Content-Length: 2", b"content-length: 02", b"2",
    b"+2", b"Content-Length:2", b"Transfer-Encoding: chunked", b"Connection: close", b"Upgrade: x", b"ok", b"\r\n\r\n",
    b"Proxy-Connection: close", b"Sec-WebSocket-Key1: x", b"\r\nProxy-Connection: close", b"\r\nSec-WebSocket-Key1: x",
])  # fmt: skip


def test_a_plain_response_is_read_whole() -> None:
    response = whole_response(PLAIN)
    assert response is not None
    assert response == (200, [(b"content-type", b"text/plain"), (b"content-length", b"2")], b"ok")


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(PLAIN[:-1], id="less than all of it"),
        pytest.param(PLAIN + b"H", id="more than one"),
        pytest.param(PLAIN[:40], id="half a head"),
        pytest.param(PLAIN.replace(b"/1.1", b"/1.0"), id="an older protocol"),
        pytest.param(PLAIN.replace(b"200", b"100"), id="informational"),
        pytest.param(PLAIN.replace(b"200", b"204"), id="a status without content"),
        pytest.param(PLAIN.replace(b"200", b"304"), id="one more"),
        pytest.param(PLAIN.replace(b"200", b"600"), id="no status"),
        pytest.param(PLAIN.replace(b"200", b"503"), id="an error, which may be a load balancer's"),
        pytest.param(PLAIN.replace(b"200", b"404"), id="another one"),
        pytest.param(PLAIN.replace(b"content-length: 2\r\n", b""), id="no length"),
        pytest.param(PLAIN.replace(b": 2", b": 2\r\nContent-Length: 2"), id="two lengths"),
        pytest.param(PLAIN.replace(b": 2", b": +2"), id="no number"),
        pytest.param(PLAIN.replace(b": 2", b": 2\r\nTransfer-Encoding: chunked"), id="a coding"),
        pytest.param(PLAIN.replace(b": 2", b": 2\r\nConnection: close"), id="the end of the connection"),
        pytest.param(PLAIN.replace(b": 2", b": 2\r\nProxy-Connection: close"), id="the same in an old word"),
        pytest.param(PLAIN.replace(b": 2", b": 2\r\nUpgrade: other"), id="another protocol"),
        pytest.param(PLAIN.replace(b": 2", b": 2\r\n x"), id="a folded line"),
        pytest.param(PLAIN.replace(b": 2", b" : 2"), id="a space before the colon"),
        pytest.param(PLAIN.replace(b"text/plain\r\n", b"text/plain\n"), id="a bare line feed"),
        pytest.param(PLAIN.replace(b"text/plain", b"text/pl\x01ain"), id="a control character"),
        pytest.param(PLAIN.replace(b"text/plain", b"x" * 9000), id="a long head"),
        pytest.param(PLAIN.replace(b": 2", b": 2" + b"\r\nx: y" * 70), id="many fields"),
    ],
)
def test_anything_else_is_left_to_aiohttp(other: bytes) -> None:
    assert whole_response(other) is None


@given(st.lists(PIECES, max_size=5), st.integers(0, len(PLAIN)), st.integers(0, 3))
def test_what_is_read_here_aiohttp_reads_in_the_same_way(pieces: list[bytes], at: int, dropped: int) -> None:
    data = PLAIN[:at] + b"".join(pieces) + PLAIN[at + dropped :]
    response = whole_response(data)
    if response is not None:
        assert (response.status, response.headers, response.content) == read_by_aiohttp(data)


def read_by_aiohttp(data: bytes) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
    """Status, headers and content of the one whole response that keeps its connection; None: it is none."""
    loop = asyncio.new_event_loop()
    try:
        parser = HttpResponseParser(Mock(spec=BaseProtocol), loop, 65_536, read_until_eof=True, auto_decompress=False)
        ((message, payload),), upgraded, tail = parser.feed_data(data)
    except (HttpProcessingError, ValueError):
        return None
    finally:
        loop.close()
    if upgraded or tail or message.should_close or not payload.is_eof():
        return None
    return message.code, [(name.lower(), value) for name, value in message.raw_headers], payload.read_nowait()
