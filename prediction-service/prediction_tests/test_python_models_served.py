"""Python models in the whole service: tried, swapped, refused, told about like every model."""

import asyncio
from pathlib import Path

import httpx
import psutil
import pytest

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.trials.runner import QUICK_PROCESSOR_SECONDS
from prediction_tests.python_models import TEXT, admission, admitted, cmdline, guardians, python_model, workers
from prediction_tests.service import QUICK_DEFAULT, QUICK_MODELS, StartService, assert_problem

YES = "def predict(rows): return [{'yes': 0.75, 'no': 0.25} for row in rows]"
NO = "def predict(rows): return [{'no': 0.75, 'yes': 0.25} for row in rows]"

SLOW = f"""
import time

until = time.process_time() + {QUICK_PROCESSOR_SECONDS + 1}
while time.process_time() < until:
    pass
"""


@pytest.fixture
def models(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    root.mkdir()
    (root / QUICK_DEFAULT).symlink_to((QUICK_MODELS / QUICK_DEFAULT).resolve())
    return root


def ask(client: httpx.AsyncClient, text: str = "Fine."):
    return client.post("/predict", json={"text": text, "model_name": "own"})


async def label_is(client: httpx.AsyncClient, label: str) -> None:
    """Waits until the model says so; every answer on the way is one."""
    while (answer := await ask(client)).json()["prediction_label"] != label:
        assert answer.status_code == 200, answer.text
        await asyncio.sleep(0.05)


async def of_model(client: httpx.AsyncClient) -> dict:
    return next(model for model in (await client.get("/models")).json()["models"] if model["name"] == "own")


async def test_it_is_swapped_without_a_request_that_fails_and_leaves_no_process(
    start_service: StartService, models: Path
) -> None:
    python_model(models, YES)
    client = await start_service(models_dir=models)
    assert (await ask(client)).json()["prediction_label"] == "yes"
    (before,) = workers()
    hidden = python_model(models, NO, TEXT, ".other")
    hidden.rename(models / "own" / "2.0.0")
    await label_is(client, "no")
    assert before.is_running(), "the version before can still be asked for by its name"
    await client.post("/v2/repository/models/own/unload")
    while guardians():
        await asyncio.sleep(0.05)


async def test_its_failures_are_problems_and_what_became_of_its_processes_is_told(
    start_service: StartService, models: Path
) -> None:
    code = """
        import os

        def predict(rows):
            if rows[0]["text"] == "end":
                os._exit(1)
            if rows[0]["text"] == "raise":
                raise ValueError("no")
            return [{"yes": 1.0} for row in rows]
    """
    python_model(models, code)
    client = await start_service(models_dir=models)
    for text in ("raise", "end"):
        assert assert_problem(await ask(client, text), 500)["type"] == "urn:problem-type:model-failed"
    assert (await ask(client)).status_code == 200
    assert (await client.post("/predict", json={"text": "Fine."})).status_code == 200
    model = await of_model(client)
    assert (model["state"], model["runtime"]) == ("ready", "python")
    assert model["reason"] == "a worker process ended once, the last time because it ended by itself (exit code 1)"
    assert (await client.get("/v2/models/own")).json()["platform"] == "modelserver_python"
    assert (await client.get("/v2/models/own/stats")).json()["model_stats"][0]["inference_stats"]["fail"]["count"] == 2


async def test_a_folder_that_cannot_be_served_is_skipped_with_the_reason(
    start_service: StartService, models: Path
) -> None:
    python_model(models, "import nothing_such")
    python_model(models, YES, name="asks", requirements="numpy\n")
    client = await start_service(models_dir=models)
    skipped = {folder["folder"]: folder["reason"] for folder in (await client.get("/models")).json()["skipped"]}
    assert "No module named 'nothing_such' (model.py, line 1)" in skipped["own/1.0.0"]
    assert "make model-env NAME=asks/1.0.0" in skipped["asks/1.0.0"]


@pytest.mark.timeout(240)
async def test_one_that_needs_the_processor_for_longer_is_tried_again_behind_the_others(tmp_path: Path) -> None:
    waits = asyncio.Event()
    path = python_model(tmp_path, f"{SLOW}\n{YES}\n")
    model = await admission(seconds=100.0).admit(ModelFolder("own", "1.0.0", path), waits.set)
    await model.batcher.close()
    assert waits.is_set()


@pytest.mark.timeout(120)
@pytest.mark.parametrize(
    "code",
    [
        "while True: pass",
        "import time; time.sleep(1000)",
        "import os; os.fork(); os.fork(); __import__('time').sleep(1000)",
    ],
)
async def test_a_trial_that_never_ends_is_ended_with_everything_that_it_started(tmp_path: Path, code: str) -> None:
    path = python_model(tmp_path, code)
    with pytest.raises(ModelError, match="not ready in time"):
        await admission(seconds=4.0).admit(ModelFolder("own", "1.0.0", path))
    while [process for process in psutil.process_iter() if str(tmp_path) in cmdline(process)] or guardians():
        await asyncio.sleep(0.05)


async def test_the_memory_of_a_worker_is_bounded_while_it_is_tried(tmp_path: Path) -> None:
    path = python_model(tmp_path, "held = bytearray(1 << 30)\n" + YES)
    with pytest.raises(ModelError, match="needs more memory than a model may take"):
        await admission().admit(ModelFolder("own", "1.0.0", path))
    async with admitted(python_model(tmp_path, "held = bytearray(100 << 20)\n" + YES, name="small")):
        assert len(workers()) == 1
