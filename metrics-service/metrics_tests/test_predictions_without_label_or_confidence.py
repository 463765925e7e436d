"""A label or a confidence that a prediction does not have is no label, no confidence of 0 and nothing to judge."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_tests.rows import Row, insert, register
from metrics_tests.watching import Clock, look, predict, watcher_of
from shared.testing.postgres import Database

END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
NO_LABEL = {"label": None, "confidence": None, "model_name": "houses", "task_type": "regression"}


async def ask(client: httpx.AsyncClient, what: str, **query: object) -> dict:
    answer = await client.post(f"/metrics/{what}", json={"window_end": END.isoformat(), **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


def spread(first: datetime, count: int, **fields: object) -> list[Row]:
    """Rows over the ten minutes from a time."""
    return [Row(created_at=first + timedelta(minutes=10) * n / count, **fields) for n in range(count)]


@pytest.mark.parametrize("shift", [timedelta(0), timedelta(seconds=17)], ids=["from rollups", "with raw rows"])
async def test_they_are_counted_and_are_no_label_and_in_no_average_of_confidence(
    client: httpx.AsyncClient, database: Database, shift: timedelta
) -> None:
    first = END - timedelta(minutes=10) + shift
    await insert(database, spread(first, 100, **NO_LABEL, time_ms=4.0))
    await insert(database, spread(first, 50, confidence=0.8, time_ms=10.0))
    await insert(database, spread(first, 50, label=None, confidence=0.2, time_ms=10.0))
    query = {"time_window_minutes": 30, "window_end": (END + shift).isoformat()}
    found = await ask(client, "aggregated", **query)
    assert (found["total_predictions"], found["label_distribution"]) == (200, {"positive": 50})
    assert found["average_confidence"] == pytest.approx(0.5)
    assert found["average_inference_time_ms"] == pytest.approx(7)
    versions = {version["model_name"]: version for version in found["versions"]}
    assert versions["houses"]["average_confidence"] is None
    assert versions["houses"]["label_distribution"] == {}
    assert versions["lexicon"]["average_confidence"] == pytest.approx(0.5)
    alone = await ask(client, "aggregated", **query, model_name="houses")
    assert (alone["average_confidence"], alone["status"], alone["breaches"]) == (None, "normal", [])
    series = await ask(client, "timeseries", **query, model_name="houses", bucket_minutes=60)
    assert sum(bucket["total_predictions"] for bucket in series["buckets"]) == 100
    assert all(bucket["average_confidence"] is None for bucket in series["buckets"])
    assert all(bucket["label_distribution"] == {} for bucket in series["buckets"])


async def test_drift_is_judged_by_what_the_predictions_have(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, spread(END - timedelta(minutes=20), 300, **NO_LABEL))
    await insert(database, spread(END - timedelta(minutes=10), 300, **NO_LABEL))
    report = await ask(client, "drift", time_window_minutes=10, model_name="houses")
    assert [measure["name"] for measure in report["measures"]] == ["input_length"]
    assert (report["status"], report["sample_size"], report["versions"]) == ("stable", 300, {"1.0.0": 300})


async def test_labels_that_come_and_go_do_not_make_the_lack_of_one_a_label(
    client: httpx.AsyncClient, database: Database
) -> None:
    await insert(database, spread(END - timedelta(minutes=20), 300))
    await insert(database, spread(END - timedelta(minutes=10), 150))
    await insert(database, spread(END - timedelta(minutes=10), 150, label=None))
    report = await ask(client, "drift", time_window_minutes=10)
    (label,) = (measure for measure in report["measures"] if measure["name"] == "label")
    assert (label["current"], label["status"]) == ({"positive": 1.0}, "stable")


async def test_they_open_no_alert_of_confidence_or_drift(database: Database, engine: AsyncEngine) -> None:
    clock = Clock()
    watcher = watcher_of(engine, clock)
    await predict(database, clock, 200, **NO_LABEL)
    clock.advance(minutes=30)
    await predict(database, clock, 200, **NO_LABEL)
    assert await look(watcher) == []
    await predict(database, clock, **NO_LABEL, time_ms=600.0)
    clock.advance(seconds=1)
    assert [signal for _, signal, _ in await look(watcher)] == ["inference_time"], "they are watched all the same"


async def test_there_is_nothing_about_them_that_feedback_could_judge(
    client: httpx.AsyncClient, database: Database
) -> None:
    await register(database, "houses", labels=[], task_type="regression")
    await register(database, "topics", labels=["sport", "politics"], task_type="multilabel")
    unsure = Row(model_name="topics", task_type="multilabel", label=None, confidence=None)
    sure, value = Row(model_name="topics", task_type="multilabel", label="sport"), Row(**NO_LABEL)
    await insert(database, [unsure, sure, value])
    given = [{"prediction_id": str(row.prediction_id), "label": "sport"} for row in (unsure, sure, value)]
    answer = (await client.post("/feedback/batch", json={"feedback": given})).json()
    assert [result["outcome"] for result in answer["results"]] == ["no_label", "recorded", "no_label"]
    alone = await client.post("/feedback", json=given[2])
    assert alone.status_code == 422
    assert "has no label to judge" in alone.json()["errors"][0]["message"]
