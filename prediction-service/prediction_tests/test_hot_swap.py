"""Versions come and go under load, and no request notices."""

import asyncio
import os
import shutil
from pathlib import Path

import httpx
import pytest

from prediction_tests.service import MODELS, StartService

NAME = "sentiment-lexicon"
TEXT = {"text": "A fine day."}


def drop_in(root: Path, version: str, manifest: str | None = None) -> None:
    """A version as people copy it: under a hidden name, then renamed."""
    hidden = root / NAME / f".{version}"
    shutil.copytree(MODELS / NAME / "1.0.0", hidden)
    if manifest is not None:
        (hidden / "model.toml").write_text(manifest)
    hidden.rename(root / NAME / version)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    (root / NAME).mkdir(parents=True)
    drop_in(root, "1.0.0")
    return root


async def version_served(client: httpx.AsyncClient) -> str:
    answer = await client.post("/predict", json=TEXT)
    assert answer.status_code == 200
    return answer.json()["model_version"]


async def test_a_version_that_is_dropped_in_takes_over_and_one_that_is_removed_is_left(
    start_service: StartService, models: Path
) -> None:
    client = await start_service(models_dir=models)
    assert await version_served(client) == "1.0.0"
    drop_in(models, "1.10.0")
    drop_in(models, "1.9.0")
    while await version_served(client) != "1.10.0":
        await asyncio.sleep(0.02)
    shutil.rmtree(models / NAME / "1.10.0")
    while await version_served(client) != "1.9.0":
        await asyncio.sleep(0.02)


async def test_a_broken_version_is_reported_and_the_old_one_goes_on(start_service: StartService, models: Path) -> None:
    client = await start_service(models_dir=models)
    drop_in(models, "2.0.0", "labels = []")
    while not (skipped := (await client.get("/models")).json()["skipped"]):
        assert await version_served(client) == "1.0.0"
        await asyncio.sleep(0.02)
    assert skipped[0]["folder"] == f"{NAME}/2.0.0"
    assert "labels" in skipped[0]["reason"]
    health = await client.get("/health")
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    answer = await client.post(f"/v2/repository/models/{NAME}/load")
    assert answer.status_code == 422
    index = (await client.post("/v2/repository/index")).json()
    assert [entry["state"] for entry in index] == ["READY", "UNAVAILABLE"]


@pytest.mark.faults
@pytest.mark.timeout(180)
async def test_fifty_swaps_under_load_fail_no_request(start_service: StartService, models: Path) -> None:
    client = await start_service(models_dir=models)
    versions, statuses = set(), set()
    done = asyncio.Event()

    async def load() -> None:
        while not done.is_set():
            answer = await client.post("/predict/batch", json={"texts": ["A long and fine day. " * 40, "Fine."]})
            statuses.add(answer.status_code)
            versions.update(item["model_version"] for item in answer.json()["predictions"])

    callers = [asyncio.create_task(load()) for _ in range(8)]
    for swap in range(50):
        if swap % 2:
            await asyncio.to_thread(shutil.rmtree, models / NAME / "2.0.0")
        else:
            await asyncio.to_thread(drop_in, models, "2.0.0")
        answer = await client.post(f"/v2/repository/models/{NAME}/load")
        assert answer.status_code == 200, answer.text
        assert await version_served(client) == ("1.0.0" if swap % 2 else "2.0.0")
    done.set()
    await asyncio.gather(*callers)
    assert statuses == {200}
    assert versions == {"1.0.0", "2.0.0"}


async def test_names_that_are_not_utf8_are_told_escaped(start_service: StartService, models: Path) -> None:
    for name in (b"caf\xe9/1.0.0", b"well-named/v\xff"):
        (models / os.fsdecode(name)).mkdir(parents=True)
    drop_in(models, "2.0.0")
    (models / NAME / "3.0.0").mkdir()
    os.mkfifo(models / NAME / "3.0.0" / os.fsdecode(b"p\xff"))
    client = await start_service(models_dir=models)
    while len(skipped := (await client.get("/models")).json()["skipped"]) < 3:
        await asyncio.sleep(0.05)
    assert {"caf\\udce9", "well-named/v\\udcff", f"{NAME}/3.0.0"} == {each["folder"] for each in skipped}
    assert (await client.post("/v2/repository/index", json={})).status_code == 200
    assert "caf\\udce9" in (await client.get("/health")).text.replace("\\\\", "\\")
