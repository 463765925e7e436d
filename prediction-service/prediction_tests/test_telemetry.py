"""Each metric moves when that happens which it counts, and by how much."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import REGISTRY

from prediction_service.batching.batcher import Batcher
from prediction_service.batching.problems import DeadlinePassed
from prediction_service.records.journal import Journal
from prediction_service.request.caller import Caller
from prediction_tests.gated_model import LABELS, GatedRuntime, batcher_of, busy, never, queued
from prediction_tests.service import StartService
from shared.testing.postgres import PostgresServer

Moved = Callable[..., float]
"""By how much a sample has moved since the test began: name, labels."""


@pytest.fixture
def moved() -> Moved:
    def samples() -> dict[tuple, float]:
        found = (sample for metric in REGISTRY.collect() for sample in metric.samples)
        return {(sample.name, *sorted(sample.labels.items())): sample.value for sample in found}

    before = samples()

    def moved(name: str, **labels: str) -> float:
        key = (name, *sorted(labels.items()))
        return samples().get(key, 0.0) - before.get(key, 0.0)

    return moved


async def test_batches_are_counted_with_their_rows_and_the_models_time(
    batcher: Batcher, runtime: GatedRuntime, moved: Moved
) -> None:
    tasks = [await busy(batcher, runtime), await queued(batcher, *"abc")]
    runtime.gate.set()
    await asyncio.gather(*tasks)
    assert moved("prediction_batch_rows_count", **LABELS) == 2
    assert moved("prediction_batch_rows_sum", **LABELS) == 1 + 3
    assert moved("prediction_batch_rows_bucket", le="2.0", **LABELS) == 1
    assert moved("prediction_inference_seconds_count", **LABELS) == 2
    assert moved("prediction_inference_seconds_sum", **LABELS) > 0


async def test_the_depth_of_the_queue_rises_and_falls_and_each_texts_wait_is_observed(
    batcher: Batcher, runtime: GatedRuntime, moved: Moved
) -> None:
    first = await busy(batcher, runtime)
    assert REGISTRY.get_sample_value("prediction_queue_rows", LABELS) == 0
    waiting = await queued(batcher, *"abc")
    assert REGISTRY.get_sample_value("prediction_queue_rows", LABELS) == 3
    assert moved("prediction_queue_seconds_count", **LABELS) == 0
    runtime.gate.set()
    await asyncio.gather(first, waiting)
    assert REGISTRY.get_sample_value("prediction_queue_rows", LABELS) == 0
    assert moved("prediction_queue_seconds_count", **LABELS) == 1 + 3
    assert moved("prediction_queue_seconds_sum", **LABELS) > 0


async def test_what_is_given_up_is_counted_and_leaves_the_queue(runtime: GatedRuntime, moved: Moved) -> None:
    batcher = batcher_of(runtime)
    first = await busy(batcher, runtime)
    with pytest.raises(DeadlinePassed):
        await batcher.run(["a", "b"], Caller(never, 0.05))
    assert moved("prediction_not_computed_total", **LABELS) == 2
    assert REGISTRY.get_sample_value("prediction_queue_rows", LABELS) == 0
    runtime.gate.set()
    await first
    await batcher.close()


async def test_a_commit_is_counted_with_its_rows_and_its_time(start_service: StartService, moved: Moved) -> None:
    client = await start_service()
    assert (await client.post("/predict/batch", json={"texts": ["One.", "Two.", "Three."]})).status_code == 200
    assert moved("prediction_commits_total") == 1
    assert moved("prediction_commit_rows_sum") == 3
    assert moved("prediction_commit_seconds_count") == 1
    assert REGISTRY.get_sample_value("prediction_commit_queue_rows") == 0
    assert moved("prediction_journal_records_total") == 0
    assert (await client.post("/predict", json={"text": " "})).status_code == 422
    assert moved("prediction_commits_total") == 1


async def test_the_journal_grows_while_postgres_is_away_and_is_empty_once_it_is_replayed(
    start_service: StartService, postgres_server: PostgresServer, tmp_path: Path, moved: Moved
) -> None:
    client = await start_service()
    postgres_server.kill()
    try:
        for number in range(3):
            assert (await client.post("/predict", json={"text": "A fine day."})).status_code == 200
            assert moved("prediction_journal_records_total") == number + 1
        assert moved("prediction_record_failovers_total") == 1
        assert REGISTRY.get_sample_value("prediction_record_postgres_away") == 1
        assert REGISTRY.get_sample_value("prediction_journal_bytes") == Journal(tmp_path / "journal", 0).size() > 0
    finally:
        await asyncio.to_thread(postgres_server.start_and_wait)
    while REGISTRY.get_sample_value("prediction_journal_bytes"):
        await asyncio.sleep(0.02)
    assert moved("prediction_journal_replayed_total") == 3
    assert REGISTRY.get_sample_value("prediction_record_postgres_away") == 0
