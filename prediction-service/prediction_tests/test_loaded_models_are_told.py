"""What is loaded stands in Postgres, with labels and baseline, whenever Postgres was there last."""

import asyncio
import json
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from prediction_service.models.baseline import read_baseline
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_tests.service import QUICK_MODELS, StartService
from shared.testing.postgres import Database, PostgresServer

TOLD = "SELECT * FROM predictions.model ORDER BY model_name, model_version"
LEXICON = QUICK_MODELS / "sentiment-lexicon" / "1.0.0"
FIGURES = {"label": {"positive": 5, "negative": 4}, "confidence": {"0.95-1.00": 9}, "input_length": {"16-31": 9}}


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():
            await asyncio.sleep(0.05)


@pytest.fixture
def models(tmp_path: Path) -> Path:
    root = tmp_path / "models"
    shutil.copytree(LEXICON, root / "sentiment-lexicon" / "1.0.0")
    return root


async def test_versions_labels_and_baseline_are_told_and_follow_the_folders(
    start_service: StartService, database: Database, models: Path
) -> None:
    (models / "sentiment-lexicon" / "1.0.0" / "baseline.json").write_text(json.dumps(FIGURES))
    await start_service(models_dir=models)

    async def versions() -> list[str]:
        return [row["model_version"] for row in await database.fetch(TOLD)]

    async def told_first() -> bool:
        return await versions() == ["1.0.0"]

    await until(told_first)
    (row,) = await database.fetch(TOLD)
    assert (row["model_name"], row["task_type"]) == ("sentiment-lexicon", "classification")
    assert sorted(row["labels"]) == ["negative", "neutral", "positive"]
    assert json.loads(row["baseline"]) == FIGURES
    assert row["digest"].startswith("sha256:")

    shutil.copytree(LEXICON, models / "sentiment-lexicon" / "1.1.0")

    async def told_second() -> bool:
        return await versions() == ["1.0.0", "1.1.0"]

    await until(told_second)
    second = (await database.fetch(TOLD))[1]
    assert second["baseline"] is None
    assert second["digest"] != row["digest"], "the other folder has a baseline besides"


async def test_it_is_told_again_so_that_it_counts_as_loaded(
    start_service: StartService, database: Database, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("prediction_service.models.register.REPEAT_SECONDS", 0.1)
    monkeypatch.setattr("prediction_service.models.register.LOOK_SECONDS", 0.05)
    await start_service(models_dir=models)

    async def told() -> bool:
        return bool(await database.fetch(TOLD))

    await until(told)
    (first,) = await database.fetch(TOLD)

    async def told_again() -> bool:
        (row,) = await database.fetch(TOLD)
        return row["seen_at"] > first["seen_at"] and row["loaded_at"] == first["loaded_at"]

    await until(told_again)


async def test_postgres_away_keeps_nobody_from_serving_and_is_told_when_it_is_back(
    start_service: StartService,
    database: Database,
    postgres_server: PostgresServer,
    models: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("prediction_service.models.register.REPEAT_SECONDS", 0.2)
    monkeypatch.setattr("prediction_service.models.register.LOOK_SECONDS", 0.1)
    postgres_server.kill()
    try:
        client = await start_service(models_dir=models)
        answer = await client.post("/predict", json={"text": "Still here."})
        assert answer.status_code == 200
    finally:
        await asyncio.to_thread(postgres_server.start_and_wait)

    async def told() -> bool:
        return [row["model_name"] for row in await database.fetch(TOLD)] == ["sentiment-lexicon"]

    await until(told)


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b'{"label": {"a": -1}}', b'{"confidence": {"high": 3}}', b" " * 1_048_577],
)
def test_a_baseline_that_makes_no_sense_is_left_out(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "baseline.json").write_bytes(content)
    assert read_baseline(tmp_path, read_manifest(LEXICON)) is None


def test_what_a_later_release_adds_to_a_baseline_is_no_reason_to_leave_it_out(tmp_path: Path) -> None:
    (tmp_path / "baseline.json").write_text(json.dumps({**FIGURES, "outputs": {"rooms": {"1-2": 4}}}))
    baseline = read_baseline(tmp_path, read_manifest(LEXICON))
    assert baseline is not None
    assert baseline.counts.model_dump(exclude_unset=True) == FIGURES
    assert baseline.bins is None
