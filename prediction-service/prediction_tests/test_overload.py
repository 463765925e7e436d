"""A service that gets more than it can do says so at once, and works for nobody who has left."""

import asyncio
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import orjson
import pytest

from prediction_tests.process import service_process
from prediction_tests.service import MODELS
from shared.processes.server import ServerProcess
from shared.processes.waiting import wait_until
from shared.testing.postgres import Database

SLOW = "\N{GRINNING FACE}" * 10_000
"""Keeps the lexicon busy for some tenths of a second."""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """The lexicon, one text after the other."""
    shutil.copytree(MODELS / "sentiment-lexicon", tmp_path / "models" / "sentiment-lexicon")
    manifest = tmp_path / "models" / "sentiment-lexicon" / "1.0.0" / "model.toml"
    manifest.write_text(manifest.read_text().replace("max_rows = 32", "max_rows = 1\nworkers = 1"))
    return tmp_path / "models"


@pytest.fixture
def service(database: Database, tmp_path: Path, models: Path) -> Iterator[ServerProcess]:
    process = service_process(database, tmp_path, MODELS_DIR=str(models), QUEUE_ROWS="256")
    process.start()
    yield process
    process.stop()


def send_and_leave(port: int, texts: list[str]) -> None:
    """A request whose sender hangs up without reading the answer."""
    body = orjson.dumps({"texts": texts})
    with socket.create_connection(("127.0.0.1", port)) as connection:
        head = (
            f"POST /predict/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        connection.sendall(head.encode() + b"\r\n\r\n" + body)


def computed(port: int) -> int:
    statistics = httpx.get(f"http://127.0.0.1:{port}/v2/models/sentiment-lexicon/stats").json()
    return sum(
        batch["batch_size"] * batch["compute_infer"]["count"] for batch in statistics["model_stats"][0]["batch_stats"]
    )


def test_texts_whose_callers_hang_up_are_not_computed(service: ServerProcess, database: Database) -> None:
    for _ in range(3):
        send_and_leave(service.port, [SLOW] * 20)
    answer = httpx.post(f"http://127.0.0.1:{service.port}/predict", json={"text": "Still there?" * 100}, timeout=30)
    assert answer.status_code == 200
    assert computed(service.port) < 10
    assert len(asyncio.run(database.fetch("SELECT 1 FROM predictions.prediction"))) == 1


def test_what_does_not_fit_into_the_queue_is_a_503_with_retry_after(service: ServerProcess) -> None:
    url = f"http://127.0.0.1:{service.port}"
    with socket.create_connection(("127.0.0.1", service.port)) as busy:
        body = orjson.dumps({"texts": [SLOW] * 20 + ["Not slow, but too long to be quick. " * 30] * 230})
        head = (
            f"POST /predict/batch HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
        )
        busy.sendall(head.encode() + b"\r\n\r\n" + body)
        refused: list[httpx.Response] = []

        def is_full() -> bool:
            refused[:] = [httpx.post(f"{url}/predict/batch", json={"texts": ["Long enough to wait. " * 40] * 20})]
            return refused[0].status_code == 503

        wait_until(is_full, "the queue to be full")
        assert int(refused[0].headers["retry-after"]) >= 1
        assert refused[0].json()["type"].endswith("#temporary-reduced-capacity")
        quick = httpx.post(f"{url}/predict", json={"text": "Fine."})
        assert quick.status_code == 200
