"""What a question about a window answers."""

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from metrics_tests.rows import Row, insert, register
from shared.testing.postgres import Database

NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


async def ask(client: httpx.AsyncClient, **query: object) -> dict:
    answer = await client.post("/metrics/aggregated", json=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_an_empty_window_has_count_zero_nulls_and_is_normal(
    client: httpx.AsyncClient, database: Database
) -> None:
    await register(database, "never-asked")
    answer = await ask(client, model_name="never-asked")
    start, end = (datetime.fromisoformat(answer.pop(key)) for key in ("time_window_start", "time_window_end"))
    assert end - start == timedelta(minutes=60)
    assert answer == {
        "total_predictions": 0,
        "average_confidence": None,
        "average_inference_time_ms": None,
        "min_inference_time_ms": None,
        "max_inference_time_ms": None,
        "p50_inference_time_ms": None,
        "p95_inference_time_ms": None,
        "p99_inference_time_ms": None,
        "label_distribution": {},
        "values": None,
        "errors": None,
        "labels": None,
        "versions": [],
        "task_type": None,
        "model_name": "never-asked",
        "model_version": None,
        "status": "normal",
        "breaches": [],
    }


async def test_predictions_show_in_count_and_aggregates_at_once(client: httpx.AsyncClient, database: Database) -> None:
    await insert(
        database, [Row(time_ms=float(ms), label=label) for ms in (1, 2, 6) for label in ("positive", "neutral")]
    )
    answer = await ask(client, time_window_minutes=1)
    assert (await client.get("/metrics/count")).json() == {"total_predictions": 6}
    assert answer["total_predictions"] == 6
    assert answer["label_distribution"] == {"positive": 3, "neutral": 3}
    assert answer["average_inference_time_ms"] == pytest.approx(3)
    assert (answer["min_inference_time_ms"], answer["max_inference_time_ms"]) == (1, 6)
    assert answer["p50_inference_time_ms"] == pytest.approx(2, rel=0.01)


async def test_labels_stand_by_frequency_and_then_by_name(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, [Row(label=label) for label in ("d", "b", "e", "c", "a", "c", "b", "c")])
    answer = await ask(client, time_window_minutes=1)
    for found in (answer, *answer["versions"]):
        assert list(found["label_distribution"].items()) == [("c", 3), ("b", 2), ("a", 1), ("d", 1), ("e", 1)]


async def test_a_window_includes_its_start_and_not_its_end(client: httpx.AsyncClient, database: Database) -> None:
    instants = [NOON - timedelta(minutes=10), NOON - timedelta(microseconds=1), NOON]
    await insert(database, [Row(created_at=at) for at in instants])
    window = await ask(client, time_window_minutes=10, window_end=NOON.isoformat())
    assert window["total_predictions"] == 2
    before = await ask(client, time_window_minutes=10, window_end=window["time_window_start"])
    assert before["total_predictions"] == 0
    after = await ask(client, time_window_minutes=1, window_end=(NOON + timedelta(seconds=30)).isoformat())
    assert after["total_predictions"] == 2


async def test_task_and_model_narrow_the_question(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, [Row(model_name="a"), Row(model_name="b"), Row(model_name="b", task_type="regression")])
    assert (await ask(client, model_name="b"))["total_predictions"] == 2
    assert (await ask(client, task_type="regression"))["total_predictions"] == 1
    assert (await ask(client, model_name="b", task_type="classification"))["total_predictions"] == 1


async def test_versions_are_told_apart_and_narrow_the_question(client: httpx.AsyncClient, database: Database) -> None:
    old = [Row(label=label, confidence=0.6, time_ms=4.0) for label in ("positive", "positive", "negative")]
    new = [Row(model_version="1.10.0", confidence=0.9), Row(model_name="other", model_version="2.0.0")]
    yesterday = [Row(created_at=NOON, model_version="0.9.0")]
    await insert(database, [*old, *new, *yesterday])
    answer = await ask(client)
    assert answer["label_distribution"] == {"positive": 4, "negative": 1}
    first, *others = answer["versions"]
    assert first == {
        "model_name": "lexicon",
        "model_version": "1.0.0",
        "total_predictions": 3,
        "average_confidence": pytest.approx(0.6),
        "average_inference_time_ms": pytest.approx(4),
        "label_distribution": {"positive": 2, "negative": 1},
        "average_value": None,
        **{f"p{part}_inference_time_ms": pytest.approx(4, rel=0.01) for part in (50, 95, 99)},
    }
    assert [(found["model_name"], found["model_version"]) for found in others] == [
        ("lexicon", "1.10.0"),
        ("other", "2.0.0"),
    ]
    one = await ask(client, model_name="lexicon", model_version="1.10.0")
    assert (one["total_predictions"], one["average_confidence"]) == (1, pytest.approx(0.9))
    assert one["model_version"] == "1.10.0"
    assert (await ask(client, model_version="0.9.0"))["total_predictions"] == 0


@pytest.mark.parametrize(
    ("row", "status", "thresholds"),
    [
        (Row(confidence=0.6, time_ms=200), "normal", []),
        (Row(confidence=0.59), "warning", ["min_confidence_warning"]),
        (Row(confidence=0.39), "critical", ["min_confidence_critical"]),
        (Row(time_ms=250), "warning", ["max_inference_time_warning_ms"]),
        (Row(time_ms=600, confidence=0.5), "critical", ["min_confidence_warning", "max_inference_time_critical_ms"]),
    ],
)
async def test_status_is_the_worst_verdict_and_breaches_say_why(
    client: httpx.AsyncClient, database: Database, row: Row, status: str, thresholds: list[str]
) -> None:
    await insert(database, [row])
    answer = await ask(client)
    assert answer["status"] == status
    assert [breach["threshold"] for breach in answer["breaches"]] == thresholds


@pytest.mark.parametrize(
    "query",
    [
        {"time_window_minutes": 0},
        {"time_window_minutes": 1441},
        {"time_window_minutes": "an hour"},
        {"model_name": "../etc"},
        {"model_version": "1.0.0; DROP"},
        {"window": 5},
        {"window_end": "2026-03-01T12:00:00"},
        {"window_end": "0001-01-01T00:00:00Z"},
    ],
)
async def test_a_question_that_makes_no_sense_is_a_422(client: httpx.AsyncClient, query: dict) -> None:
    answer = await client.post("/metrics/aggregated", json=query)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["location"] == f"body.{next(iter(query))}"
