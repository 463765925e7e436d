"""While a model is tried for the first time it is not ready, which passes; it is not unknown, which does not."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from prediction_service.models import repository
from prediction_tests.python_models import python_model
from prediction_tests.service import StartService, assert_problem

NEEDS_A_WHILE = """
import time

time.sleep(3)


def predict(rows):
    return [{"yes": 0.75, "no": 0.25} for row in rows]
"""

NOT_READY = "urn:problem-type:model-not-ready"


async def test_until_it_is_loaded_it_is_a_503_that_says_when_to_come_again(
    start_service: StartService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(repository, "START_SECONDS", 0.0)
    python_model(tmp_path, NEEDS_A_WHILE)
    client = await start_service(models_dir=tmp_path, default_model="own")
    health = await client.get("/health")
    part = health.json()["components"]["models"]
    assert (health.status_code, part["is_starting"], part["detail"]) == (
        503,
        True,
        "the default model own is being tried",
    )
    for chosen in ({}, {"model_name": "own"}, {"model_name": "own", "model_version": "1.0.0"}, {"task_type": "ner"}):
        answer = await client.post("/predict", json={"text": "Fine."} | chosen)
        assert assert_problem(answer, 503)["type"] == NOT_READY, chosen
        assert int(answer.headers["retry-after"]) > 0
    documented = (await client.get("/openapi.json")).json()["paths"]
    for path in (
        "/v2/models/{name}/ready",
        "/v2/models/{name}/stats",
        "/v2/models/{name}",
        "/models/{name}/{version}/card",
    ):
        answer = await client.get(path.format(name="own", version="1.0.0"))
        assert answer.status_code == 503, path
        assert int(answer.headers["retry-after"]) > 0, path
        assert "is not ready yet" in answer.text, path
        assert "503" in documented[path]["get"]["responses"], path
    unknown = {"model_name": "nobody"}, {"model_name": "own", "model_version": "2.0.0"}
    for chosen in unknown:
        assert_problem(await client.post("/predict", json={"text": "Fine."} | chosen), 404)

    while (answer := await client.post("/predict", json={"text": "Fine."})).status_code == 503:
        assert answer.json()["type"] == NOT_READY
        await asyncio.sleep(0.05)
    assert answer.json()["prediction_label"] == "yes"
    assert (await client.get("/health")).json()["components"]["models"]["is_starting"] is False


async def test_one_that_cannot_be_served_or_was_unloaded_is_not_about_to_be_ready(
    start_service: StartService, tmp_path: Path
) -> None:
    python_model(tmp_path, "import nothing_such")
    python_model(tmp_path, NEEDS_A_WHILE, name="by-hand")
    client = await start_service(models_dir=tmp_path, default_model="own")
    part = (await client.get("/health")).json()["components"]["models"]
    assert (part["status"], part["is_starting"]) == ("down", False)
    assert part["detail"].startswith("the default model own is not loaded; own/1.0.0 skipped: ")
    assert_problem(await client.post("/predict", json={"text": "Fine."}), 404)
    assert (await client.post("/v2/repository/models/by-hand/unload")).status_code == 200
    assert_problem(await client.post("/predict", json={"text": "Fine.", "model_name": "by-hand"}), 404)


@pytest.mark.parametrize("library", ["fastapi", "structlog", "prometheus_client", "google.protobuf", "onnxruntime"])
def test_a_trial_does_not_wait_for_libraries_that_it_may_not_need(library: str) -> None:
    code = f"import sys; import prediction_service.models.trials.trial; sys.exit({library!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
