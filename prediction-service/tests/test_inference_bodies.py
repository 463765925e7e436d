"""Inference requests may come compressed; what they hold is bounded, and what is no such encoding is refused."""

import gzip
import zlib

import httpx
import orjson
import pytest

from prediction_service.inference_protocol.bodies import MAX_BYTES
from shared.testing.postgres import Database

PATH = "/v2/models/sentiment-lexicon/infer"
BODY = orjson.dumps({"inputs": [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["I love it."]}]})
BOMB = b" " * (MAX_BYTES + 1)
RAW_DEFLATE = zlib.compress(BODY)[2:-4]


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(BODY)),
        ("GZIP", gzip.compress(BODY)),
        ("deflate", zlib.compress(BODY)),
        ("identity", BODY),
        ("gzip", gzip.compress(BODY + BOMB[len(BODY) + 1 :], 9)),
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
        ("gzip", gzip.compress(BODY)[:-9], 400),
        ("gzip", gzip.compress(BODY) + b"more", 400),
        ("gzip", gzip.compress(BODY)[:-8] + bytes(8), 400),
        ("deflate", RAW_DEFLATE, 400),
        ("gzip", gzip.compress(b"{}"), 400),
        ("gzip", gzip.compress(BOMB), 413),
        ("deflate", zlib.compress(BOMB), 413),
        ("br", BODY, 415),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY)), 415),
    ],
)
async def test_what_does_not_fit_is_refused(
    client: httpx.AsyncClient, database: Database, encoding: str, body: bytes, status: int
) -> None:
    answer = await client.post(PATH, content=body, headers={"Content-Encoding": encoding})
    assert answer.status_code == status, answer.text
    assert list(answer.json()) == ["error"]
    assert await database.fetch("SELECT 1 FROM predictions.prediction") == []


async def test_a_415_says_what_is_taken(client: httpx.AsyncClient) -> None:
    answer = await client.post(PATH, content=BODY, headers={"Content-Encoding": "zstd"})
    assert answer.headers["accept-encoding"] == "gzip, deflate"
