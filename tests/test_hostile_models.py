"""Folders that are broken or mean harm are dropped into a stack under load: no request for another model fails."""

import itertools
import shutil
from pathlib import Path

import httpx
import pytest

from prediction_tests.hostile_models import BROKEN, MALICIOUS, SLEEPERS, TRIGGER, drop_in, model
from shared.processes.waiting import wait_until
from tests.callers import ALL_LENGTHS, Callers
from tests.stack import REPOSITORY, LocalStack

GOOD = ("sentiment-lexicon", "spam-words")
LOAD_SECONDS = 8
CALL_SECONDS = 2
BUSY = "not ready in time"
"""What may be said of each on a machine that is busy with all of this."""

EVERYTHING = {**BROKEN, **MALICIOUS}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name in GOOD:
        shutil.copytree(REPOSITORY / "models" / name, folder / name)
    return folder


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory, models: Path):
    stack = LocalStack(
        tmp_path_factory.mktemp("hostile") / "local",
        MODELS_DIR=str(models),
        DEFAULT_MODEL=GOOD[0],
        MODEL_LOAD_SECONDS=str(LOAD_SECONDS),
        MODEL_CALL_SECONDS=str(CALL_SECONDS),
        MODEL_MEMORY_BYTES=str(256 * 1024 * 1024),
    ).start()
    yield stack
    stack.end()


def reasons(client: httpx.Client) -> dict[str, str]:
    return {skipped["folder"]: skipped["reason"] for skipped in client.get("/models").json()["skipped"]}


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_hostile_folders_and_sleepers_fail_no_request_of_another_model(own_stack: LocalStack, models: Path) -> None:
    assert len(BROKEN) >= 10
    assert len(MALICIOUS) >= 10
    service = own_stack.process_of("prediction_service")
    with (
        Callers(own_stack.url, GOOD[0], itertools.cycle(ALL_LENGTHS)) as lexicon,
        Callers(own_stack.url, GOOD[1], itertools.cycle(ALL_LENGTHS)) as onnx,
        httpx.Client(base_url=own_stack.url, timeout=60) as client,
    ):
        onnx.until_answered(10)
        memory = service.memory_info().rss
        for name, (fill, _) in EVERYTHING.items():
            drop_in(models, name, fill)
        for name, file in SLEEPERS.items():
            drop_in(models, name, model(file))
        said: dict[str, str] = {}  # what was not in time is tried again, and has no reason meanwhile

        def are_judged() -> bool:
            said.update(reasons(client))
            return len(said) == len(EVERYTHING)

        wait_until(are_judged, "all to be judged", lambda: None, 200)
        for name in SLEEPERS:
            wait_until(lambda name=name: ready(client, name), f"{name} to serve", lambda: None, 60)
            assert ask(client, name, TRIGGER).status_code in {500, 503}
        lexicon.until_answered(10)
        onnx.until_answered(10)
        growth = service.memory_info().rss - memory
        health = client.get("/health").json()
    said.update(reasons(httpx.Client(base_url=own_stack.url)))
    print(f"{len(lexicon.done) + len(onnx.done)} requests, {growth / 1e6:+.1f} MB")
    for callers in (lexicon, onnx):
        assert callers.unexpected == []
        assert all(request.answer is not None for request in callers.done)
    for name, (_, reason) in EVERYTHING.items():
        assert any(words in said[f"{name}/1.0.0"] for words in (reason, BUSY)), said[f"{name}/1.0.0"]
    assert health["status"] == "degraded"
    assert growth < 300 * 1024 * 1024
    assert service.is_running()


def ask(client: httpx.Client, name: str, text: str) -> httpx.Response:
    return client.post("/predict", json={"text": text, "model_name": name}, headers={"X-Forwarded-For": "100.127.0.1"})


def ready(client: httpx.Client, name: str) -> bool:
    return client.get(f"/v2/models/{name}/ready").status_code == 200


@pytest.mark.faults
def test_a_stack_starts_with_hostile_folders_in_it(own_stack: LocalStack, models: Path) -> None:
    """What is good serves while the others are still being judged."""
    with httpx.Client(base_url=own_stack.url, timeout=10) as client:
        own_stack.process_of("prediction_service").kill()
        wait_until(lambda: not ready_or_away(client), "the service to be gone", lambda: None, 10)
        wait_until(lambda: ready_or_away(client), "the good models to serve again", lambda: None, 60)
        for name in GOOD:
            assert ask(client, name, "A fine day.").status_code == 200
        assert client.get("/models").json()["waiting"]


def ready_or_away(client: httpx.Client) -> bool:
    try:
        return all(ready(client, name) for name in GOOD)
    except httpx.HTTPError:
        return False
