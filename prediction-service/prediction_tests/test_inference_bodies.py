"""Inference requests may come compressed; what they hold is bounded, and what is no such encoding is refused."""

import tracemalloc
import zlib
from codecs import BOM_UTF8

import httpx
import orjson
import pytest

from prediction_service.request.texts import MAX_BATCH_BYTES
from shared.http.request_body import ANY_RATIO_BYTES
from shared.testing.admin import ADMIN
from shared.testing.compression import gzipped
from shared.testing.postgres import Database

PATH = "/v2/models/sentiment-lexicon/infer"
BODY = orjson.dumps({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["I love it."]}]})
ROOM = b" " * (ANY_RATIO_BYTES - len(BODY))
BOMB = b" " * (MAX_BATCH_BYTES + 1)
RAW_DEFLATE = zlib.compress(BODY)[2:-4]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzipped(BODY)),
        ("GZIP", gzipped(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
        ("gzip", gzipped(BODY + ROOM)),
        ("identity", BODY + ROOM * 11),
        ("identity", BOM_UTF8 + BODY),
    ],
)
async def test_compressed_or_not_it_is_the_same_request(client: httpx.AsyncClient, encoding: str, body: bytes) -> None:
    answer = await client.post(PATH, content=body, headers={"Content-Encoding": encoding})
    assert answer.status_code == 200, answer.text
    assert answer.json()["outputs"][0]["data"] == ["positive"]


@pytest.mark.parametrize(
    ("encoding", "body", "status"),
    [
        ("gzip", BODY, 400),
        ("gzip", b"", 400),
        ("gzip", gzipped(BODY)[:-9], 400),
        ("gzip", gzipped(BODY) + b"more", 400),
        ("gzip", gzipped(BODY)[:-8] + bytes(8), 400),
        ("deflate", RAW_DEFLATE, 400),
        ("gzip", gzipped(b"{}"), 400),
        ("gzip", gzipped(BOMB), 413),
        ("gzip", gzipped(BODY + ROOM + b" "), 413),
        ("identity", BOMB, 413),
        ("deflate", zlib.compress(BOMB), 413),
        ("br", BODY, 415),
        ("gzip, gzip", gzipped(gzipped(BODY)), 415),
    ],
)
async def test_what_does_not_fit_is_refused(
    client: httpx.AsyncClient, database: Database, encoding: str, body: bytes, status: int
) -> None:
    answer = await client.post(PATH, content=body, headers={"Content-Encoding": encoding})
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


@pytest.mark.parametrize("path", ["/v2/repository/index", "/v2/repository/models/sentiment-lexicon/load"])
@pytest.mark.parametrize(("encoding", "body", "status"), [("identity", ROOM + BODY + b" ", 413), ("br", b"{}", 415)])
async def test_a_body_about_the_repository_is_bounded_and_both_are_documented(
    client: httpx.AsyncClient, path: str, encoding: str, body: bytes, status: int
) -> None:
    answer = await client.post(path, content=body, headers={"Content-Encoding": encoding, **ADMIN})
    assert answer.status_code == status, answer.text
    documented = (await client.get("/openapi.json")).json()["paths"][path.replace("sentiment-lexicon", "{name}")]
    assert str(status) in documented["post"]["responses"]


async def test_of_many_parameters_of_a_load_few_are_named(client: httpx.AsyncClient) -> None:
    path = "/v2/repository/models/sentiment-lexicon/load"
    parameters = {"long" * 100: 1} | {f"p{number}": number for number in range(100)}
    answer = await client.post(path, json={"parameters": parameters}, headers=ADMIN)
    assert answer.status_code == 400
    assert f"({'long' * 25!r}, 'p0', 'p1', 'p2', 'p3' and 96 more)" in answer.json()["error"]
    answer = await client.post(path, json={"parameters": {"config": "{}", "x": 1}}, headers=ADMIN)
    assert answer.json()["error"] == "A load takes no parameters ('config', 'x'): what a model is, its folder says."


async def test_a_415_says_what_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, content=BODY, headers={"Content-Encoding": "zstd"})
    assert answer.headers["accept-encoding"] == "gzip, deflate"


TOO_MANY = {
    "empty objects": b"{}",
    "empty arrays": b"[]",
    "numbers": b"1",
    "strings": b'"a"',
    "nested": b'["a","b"]',
    "nulls": b"null",
}

FEWER = {"strings", "nulls"}
"""Of these a megabyte has no more than a body may have; they are more than the shape says."""


@pytest.mark.parametrize("kind", TOO_MANY)
async def test_elements_are_counted_before_anything_is_built_of_them(client: httpx.AsyncClient, kind: str) -> None:
    """A few KB of gzip that would be hundreds of thousands of objects: what is refused is never built."""
    many = b",".join([TOO_MANY[kind]] * (1_000_000 // (len(TOO_MANY[kind]) + 1)))
    body = BODY.replace(b'["I love it."]', b"[" + many + b"]")
    tracemalloc.start()
    answer = await client.post(PATH, content=gzipped(body), headers={"Content-Encoding": "gzip"})
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    if kind in FEWER:
        assert answer.status_code == 400, answer.text
        assert "the shape says 1 elements" in answer.json()["error"]
    else:
        assert answer.status_code == 413, answer.text
        assert answer.json() == {"error": "The body may have at most 262144 values."}
    assert most < 8 * 1024 * 1024


async def test_binary_elements_are_counted_too(client: httpx.AsyncClient) -> None:
    binary = bytes(4) * 300_000
    head = orjson.dumps(
        {
            "inputs": [
                {"name": "text", "shape": [2], "datatype": "BYTES", "parameters": {"binary_data_size": len(binary)}}
            ]
        }
    )
    answer = await client.post(PATH, content=head + binary, headers={"Inference-Header-Content-Length": str(len(head))})
    assert answer.status_code == 400
    assert "elements" in answer.json()["error"]


async def test_a_key_that_stands_there_twice_is_told_where(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, content=BODY.replace(b'"shape"', b'"name": "x", "shape"'))
    assert answer.status_code == 400
    assert answer.json() == {"error": "inputs.0.name stands there twice."}


@pytest.mark.parametrize("length", ["9" * 5000, "9" * 11, "-1", "1e3", "", "\u0661"])
async def test_a_length_that_is_none_is_a_400(client: httpx.AsyncClient, length: str) -> None:
    headers = {b"Inference-Header-Content-Length": length.encode()}
    answer = await client.post(PATH, content=BODY, headers=headers)
    assert answer.status_code == 400
