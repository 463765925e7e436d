"""A candidate in the shadow computes what was answered, for nobody: beside the record, when there is capacity."""

import asyncio
import math
import shutil
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import httpx
import pytest
from prometheus_client import REGISTRY

from prediction_service.batching.batcher import Batcher
from prediction_service.models.model import Model, Shadow
from prediction_service.records.record import Record
from prediction_service.rollouts.sticky import Share
from prediction_service.shadows.agreement import agreement_of
from prediction_service.shadows.shadows import MAX_WAITING, PAUSE_SECONDS, Shadows
from prediction_service.tasks.classification import Classification
from prediction_tests.gated_model import GatedRuntime
from prediction_tests.outage import recorded
from prediction_tests.rollouts import TEXT, until_loaded
from prediction_tests.service import QUICK_MODELS, StartService
from shared.contracts.rollouts import Rollout
from shared.testing.postgres import Database

NAME = "spam-words"
ROLLOUT = f"/models/{NAME}/rollout"
LABELS = ("ham", "spam")

SHADOW = {"mode": "shadow", "stable_version": "1.0.0", "candidate_version": "2.0.0", "share": 100}


@pytest.fixture
async def client(start_service: StartService, tmp_path: Path) -> httpx.AsyncClient:
    """Of two versions of a model; the candidate means the opposite."""
    root = tmp_path / "models"
    for version in ("1.0.0", "2.0.0"):
        shutil.copytree(QUICK_MODELS / NAME / "1.0.0", root / NAME / version)
    manifest = root / NAME / "2.0.0" / "model.toml"
    first, second = LABELS
    manifest.write_text(manifest.read_text().replace(f'["{first}", "{second}"]', f'["{second}", "{first}"]'))
    client = await start_service(models_dir=root, default_model=NAME)
    await until_loaded(client, "1.0.0", "2.0.0")
    await put(client, 0, SHADOW)
    return client


async def put(client: httpx.AsyncClient, revision: int, policy: dict) -> None:
    (await client.put(ROLLOUT, json=policy | {"revision": revision, "reason": "a test"})).raise_for_status()


async def shadows(database: Database, expected: int) -> list[dict]:
    """All rows, once there are so many."""
    async with asyncio.timeout(30):
        while True:
            rows = await database.fetch("SELECT * FROM predictions.shadow ORDER BY prediction_id")
            if len(rows) >= expected:
                return [dict(row) for row in rows]
            await asyncio.sleep(0.05)


async def test_every_answer_is_the_stable_versions_and_the_candidates_is_beside_it(
    client: httpx.AsyncClient, database: Database
) -> None:
    answer = (await client.post("/predict", json={"text": "What a wonderful day."})).json()
    (row,) = await shadows(database, 1)
    assert (answer["model_version"], answer["prediction_label"]) == ("1.0.0", row["stable_label"])
    assert str(row["prediction_id"]) == answer["prediction_id"]
    assert row["made_at"].isoformat()[:19] == answer["timestamp"][:19]
    assert (row["stable_version"], row["candidate_version"]) == ("1.0.0", "2.0.0")
    assert (row["stable_label"], row["prediction_label"], row["agrees"]) == (
        answer["prediction_label"],
        ({*LABELS} - {answer["prediction_label"]}).pop(),
        False,
    )
    assert row["confidence"] == row["stable_confidence"] == answer["confidence"]
    scores = answer["raw_output"]["scores"]
    assert row["distance"] == pytest.approx(abs(scores["ham"] - scores["spam"]))
    assert row["inference_time_ms"] >= 0
    assert row["error"] is None


async def test_nothing_of_it_is_in_the_record_or_in_an_aggregate(client: httpx.AsyncClient, database: Database) -> None:
    texts = [f"A fine day {number}." for number in range(5)]
    batch = (await client.post("/predict/batch", json={"texts": texts})).json()["predictions"]
    keyed = (await client.post("/predict", json=TEXT, headers={"Idempotency-Key": "once"})).json()
    await client.post("/predict", json=TEXT, headers={"Idempotency-Key": "once"})
    rows = await shadows(database, 6)
    assert await recorded(database) == sorted(str(row["prediction_id"]) for row in rows)
    assert len(rows) == 6 == len({one["prediction_id"] for one in [*batch, keyed]})
    counted = await database.fetch(
        "SELECT model_version, sum(predictions) FROM metrics.rollup WHERE minutes = 1 GROUP BY 1"
    )
    assert [tuple(row) for row in counted] == [("1.0.0", 6)]


async def test_who_names_a_version_is_left_alone_and_the_end_of_a_shadow_is_the_end(
    client: httpx.AsyncClient, database: Database
) -> None:
    await client.post("/predict", json=TEXT | {"model_version": "1.0.0", "model_name": NAME})
    await client.post("/predict", json=TEXT)
    assert len(await shadows(database, 1)) == 1
    revision = (await client.get(ROLLOUT)).json()["revision"]
    await put(client, revision, {"mode": "pinned", "stable_version": "1.0.0"})
    await client.post("/predict", json=TEXT)
    revision = (await client.get(ROLLOUT)).json()["revision"]
    await put(client, revision, SHADOW)
    last = (await client.post("/predict", json=TEXT)).json()["prediction_id"]
    rows = await shadows(database, 2)
    assert len(rows) == 2
    assert str(rows[-1]["prediction_id"]) == last
    assert len({row["started_at"] for row in rows}) == 2


async def test_a_share_is_a_share(client: httpx.AsyncClient, database: Database) -> None:
    rollout = (await client.get(ROLLOUT)).json()
    await put(client, rollout["revision"], SHADOW | {"share": 50, "sticky": "header:X-User"})
    share = Share(Rollout.model_validate((await client.get(ROLLOUT)).json()))
    wanted = list[str]()
    number = 0
    while len(wanted) < 20 or not share.has({"x-user": f"user-{number - 1}"}):  # the last one is wanted as well
        user = {"x-user": f"user-{number}"}
        answer = (await client.post("/predict", json=TEXT, headers=user)).json()
        wanted += [answer["prediction_id"]] if share.has(user) else []
        number += 1
    assert len(wanted) < number
    assert [str(row["prediction_id"]) for row in await shadows(database, len(wanted))] == wanted


async def test_rows_beyond_the_first_of_a_batch_are_not_computed(client: httpx.AsyncClient, database: Database) -> None:
    await client.post("/predict/batch", json={"texts": ["A fine day."] * 40})
    await client.post("/predict", json=TEXT)
    assert len(await shadows(database, 17)) == 17


class Written:
    """In the place of Postgres."""

    def __init__(self) -> None:
        self.rows: list[dict] = []

    async def add(self, rows: list[dict]) -> int:
        self.rows += rows
        return len(rows)

    def disconnect(self) -> None:
        pass


def candidate_of(batcher: Batcher) -> Model:
    manifest = SimpleNamespace(task=Classification(["only"]))
    return Model("gated", "2.0.0", manifest, batcher)


def answered(number: int) -> tuple[Record, dict]:
    record = Record(str(number), datetime.now(UTC), "gated", "1.0.0", "classification", "only", 1.0, 1.0, 5, {}, None)
    return record, {"scores": {"only": 1.0}}


async def test_on_a_busy_server_a_candidate_gets_little_time_and_the_rest_is_dropped_and_counted(
    runtime: GatedRuntime, batcher: Batcher
) -> None:
    dropped = REGISTRY.get_sample_value("prediction_shadows_dropped_total", {"reason": "no place"}) or 0
    runtime.gate.set()
    written, is_busy = Written(), True
    shadows = Shadows(written, lambda: is_busy, lambda model: True)
    shadow = Shadow(candidate_of(batcher), datetime.now(UTC))
    async with shadows:
        began = perf_counter()
        for number in range(MAX_WAITING + 10):
            shadows.offer(shadow, ["text"], [answered(number)])
        await asyncio.sleep(0.5)
        calls, seconds = len(runtime.calls), perf_counter() - began
        # Each call takes some tenths of a millisecond at least, and 49 times as long must pass until the next one.
        assert 1 <= calls <= seconds / PAUSE_SECONDS
        assert calls < MAX_WAITING / 2
        assert REGISTRY.get_sample_value("prediction_shadows_dropped_total", {"reason": "no place"}) == dropped + 10
        is_busy = False
        async with asyncio.timeout(20):
            while len(written.rows) < MAX_WAITING:
                await asyncio.sleep(0.05)
    assert {row["agrees"] for row in written.rows} == {True}


async def test_what_a_candidate_cannot_compute_is_an_error_and_what_is_gone_is_not_asked(
    runtime: GatedRuntime, batcher: Batcher
) -> None:
    runtime.gate.set()
    written, loaded = Written(), True
    shadows = Shadows(written, lambda: False, lambda model: loaded)
    shadow = Shadow(candidate_of(batcher), datetime.now(UTC))
    async with shadows, asyncio.timeout(20):
        shadows.offer(shadow, ["break", "fine"], [answered(1), answered(2)])
        while len(written.rows) < 2:
            await asyncio.sleep(0.05)
        loaded, calls = False, len(runtime.calls)
        gone = REGISTRY.get_sample_value("prediction_shadows_dropped_total", {"reason": "gone"}) or 0
        shadows.offer(shadow, ["fine"], [answered(3)])
        while REGISTRY.get_sample_value("prediction_shadows_dropped_total", {"reason": "gone"}) != gone + 1:
            await asyncio.sleep(0.02)
    assert [row.get("error") for row in written.rows] == ["The model could not compute this input.", None]
    assert len(runtime.calls) == calls


def test_what_agreement_means_depends_on_the_task() -> None:
    one, other = {"a": 0.75, "b": 0.25}, {"a": 0.25, "b": 0.5, "c": 0.25}
    assert agreement_of({"scores": one}, {"scores": one}) == (True, 0)
    assert agreement_of({"scores": one}, {"scores": other}) == (False, 0.5)
    assert agreement_of({"scores": one, "labels": ["a", "b"]}, {"scores": one, "labels": ["b", "a"]}) == (True, 0)
    assert agreement_of({"scores": one, "labels": ["a"]}, {"scores": one, "labels": ["a", "b"]}) == (False, 0.5)
    assert agreement_of({"scores": one, "labels": []}, {"scores": one, "labels": []}) == (True, 0)
    assert agreement_of({"value": 3.0, "unit": None}, {"value": 1.5, "unit": None}) == (None, 1.5)
    assert agreement_of({"vector": [1.0, 0.0]}, {"vector": [0.0, 2.0]}) == (None, 1)
    assert agreement_of({"vector": [1.0, 1.0]}, {"vector": [-1.0, -1.0]}).distance == pytest.approx(2)
    assert agreement_of({"vector": [0.0, 0.0]}, {"vector": [1.0, 0.0]}) == (None, None)
    assert agreement_of({"vector": [1.0]}, {"vector": [1.0, 0.0]}) == (None, None)
    assert agreement_of({"outputs": {"x": [1]}}, {"outputs": {"x": [1]}}) == (True, None)
    assert agreement_of({"value": 1.0, "unit": None}, {"vector": [1.0]}) == (False, None)
    assert math.isfinite(agreement_of({"vector": [1e75, 1.0]}, {"vector": [1e75, 1.0]}).distance or 0)
