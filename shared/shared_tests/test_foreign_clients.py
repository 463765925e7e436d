"""Bodies of every size arrive whole, as clients send them that nobody here wrote, and so do early answers."""

import asyncio
import base64
import hashlib
import json
from pathlib import Path

import pytest

from shared.testing.foreign_clients import FOREIGN_CLIENTS, GO, GO_CHUNKED
from shared.testing.http_reference import next_response
from shared_tests.conftest import StartEcho


@pytest.fixture(scope="module")
def port(start_echo: StartEcho) -> int:
    return start_echo().port


@pytest.mark.parametrize("name", FOREIGN_CLIENTS)
@pytest.mark.parametrize("size", [0, 24, 3_000_000])
def test_a_body_arrives_whole(port: int, tmp_path: Path, name: str, size: int) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * size)
    status, said = FOREIGN_CLIENTS[name](f"http://127.0.0.1:{port}/in-the-body", body)
    assert (status, json.loads(said)["body"]) == (200, hashlib.sha256(b"x" * size).hexdigest())


@pytest.mark.parametrize("recorded", [GO, GO_CHUNKED], ids=["with a length", "chunked, with a trailer"])
async def test_what_go_sends_arrives_whole(port: int, recorded: bytes) -> None:
    body = b'{"text": "A fine day."}'
    parts = (b"/x", b"door", len(body), body)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(3):
        writer.write(recorded % parts)
        response = await next_response(reader, "POST")
        assert response is not None
        reading = json.loads(base64.b64decode(response.headers["x-reading"]))
        assert reading["body"] == hashlib.sha256(body).hexdigest()
        assert "x-checksum" not in dict(reading["headers"])
    writer.close()


@pytest.mark.parametrize("name", FOREIGN_CLIENTS)
@pytest.mark.parametrize("size", [2_000_000, 20_000_000])
def test_an_answer_that_comes_before_the_end_of_the_body_can_be_read(
    port: int, tmp_path: Path, name: str, size: int
) -> None:
    body = tmp_path / "body"
    body.write_bytes(b"x" * size)
    status, said = FOREIGN_CLIENTS[name](f"http://127.0.0.1:{port}/early/in-the-body", body)
    assert (status, json.loads(said)["body"]) == (200, None)
