"""What users say about predictions, and what it amounts to."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import pytest

from metrics_service.feedback.quality import JudgedSets, accuracy, label_qualities
from metrics_tests.rows import Row, insert, register
from shared.testing.postgres import Database


@pytest.fixture(autouse=True)
async def loaded(database: Database) -> None:
    """The models of these tests."""
    await register(database, "lexicon", labels=["positive", "negative", "neutral", "mixed"])
    await register(database, "other", labels=["positive", "negative"], task_type="regression")


async def give(client: httpx.AsyncClient, row: Row, label: str) -> httpx.Response:
    return await client.post("/feedback", json={"prediction_id": str(row.prediction_id), "label": label})


async def quality(client: httpx.AsyncClient, **query: object) -> dict:
    answer = await client.post("/metrics/quality", json=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_feedback_is_counted_once_and_the_last_word_wins(client: httpx.AsyncClient, database: Database) -> None:
    row = Row(label="positive")
    await insert(database, [row])
    for label in ("negative", "negative", "positive"):
        answer = await give(client, row, label)
        assert answer.status_code == 200
        assert (answer.json()["prediction_label"], answer.json()["actual_label"]) == ("positive", label)
    found = await quality(client)
    assert (found["feedback_count"], found["accuracy"]) == (1, 1)


async def test_quality_is_accuracy_and_precision_and_recall_per_label(
    client: httpx.AsyncClient, database: Database
) -> None:
    pairs = [("positive", "positive")] * 3 + [("positive", "negative"), ("negative", "negative"), ("negative", "mixed")]
    rows = [Row(label=was) for was, _ in pairs]
    await insert(database, [*rows, Row(label="neutral")])
    for row, (_, should) in zip(rows, pairs, strict=True):
        await give(client, row, should)
    found = await quality(client)
    assert found["feedback_count"] == 6
    assert found["accuracy"] == pytest.approx(4 / 6)
    assert found["labels"] == [
        {"label": "mixed", "predicted": 0, "actual": 1, "precision": None, "recall": 0},
        {"label": "negative", "predicted": 2, "actual": 2, "precision": 0.5, "recall": 0.5},
        {"label": "positive", "predicted": 4, "actual": 3, "precision": 0.75, "recall": 1},
    ]


async def test_quality_is_about_when_the_prediction_was_made_and_by_whom(
    client: httpx.AsyncClient, database: Database
) -> None:
    old = Row(created_at=datetime.now(UTC) - timedelta(hours=2))
    other = Row(model_name="other", task_type="regression")
    await insert(database, [old, other])
    for row in (old, other):
        await give(client, row, "positive")
    assert (await quality(client))["feedback_count"] == 1
    assert (await quality(client, time_window_minutes=180))["feedback_count"] == 2
    assert (await quality(client, time_window_minutes=180, model_name="lexicon"))["feedback_count"] == 1
    assert (await quality(client, task_type="classification"))["feedback_count"] == 0


async def test_without_feedback_there_is_no_accuracy(client: httpx.AsyncClient) -> None:
    found = await quality(client)
    assert (found["feedback_count"], found["accuracy"], found["labels"]) == (0, None, [])
    assert accuracy({}, JudgedSets()) is None
    assert label_qualities({}, JudgedSets()) == []


async def test_feedback_on_a_prediction_that_is_not_on_record_is_a_404(client: httpx.AsyncClient) -> None:
    answer = await client.post("/feedback", json={"prediction_id": str(uuid4()), "label": "positive"})
    assert answer.status_code == 404
    assert answer.json()["type"] == "urn:problem-type:unknown-prediction"


@pytest.mark.parametrize(
    "body",
    [
        {"prediction_id": "not an id", "label": "positive"},
        {"prediction_id": str(uuid4()), "label": "  "},
        {"prediction_id": str(uuid4()), "label": "x" * 201},
        {"prediction_id": str(uuid4()), "label": "a\u0000b"},
        {"prediction_id": str(uuid4()), "label": "positive\u202eevitagen"},
        {"prediction_id": str(uuid4()), "label": "pos\u2066itive"},
        {"prediction_id": str(uuid4()), "label": "pos\u200bitive"},
        {"prediction_id": str(uuid4()), "label": "\ufeffpositive"},
        {"prediction_id": str(uuid4()), "label": "pos\u0085itive"},
        {"prediction_id": str(uuid4()), "label": "pos\u2028itive"},
        {"prediction_id": str(uuid4()), "label": "positive\U000e0041"},
        {"prediction_id": str(uuid4())},
        {"prediction_id": str(uuid4()), "label": "positive", "stars": 5},
    ],
)
async def test_feedback_that_makes_no_sense_is_a_422(client: httpx.AsyncClient, body: dict) -> None:
    assert (await client.post("/feedback", json=body)).status_code == 422


async def test_a_label_that_the_model_does_not_have_is_refused_and_the_labels_are_named(
    client: httpx.AsyncClient, database: Database
) -> None:
    row = Row()
    await insert(database, [row])
    answer = await give(client, row, "postive")
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["location"] == "body.label"
    assert "lexicon 1.0.0 has no label 'postive'; its labels: mixed, negative, neutral, positive" in error["message"]
    assert (await quality(client))["feedback_count"] == 0


async def test_labels_are_those_of_the_version_that_predicted(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "lexicon", "2.0.0", labels=["good", "bad"])
    old, new = Row(), Row(model_version="2.0.0", label="good")
    await insert(database, [old, new])
    assert (await give(client, new, "positive")).status_code == 422
    assert (await give(client, old, "good")).status_code == 422
    assert (await give(client, new, "bad")).status_code == 200


async def test_of_a_version_nobody_told_of_labels_are_those_of_the_model_and_those_on_record(
    client: httpx.AsyncClient, database: Database
) -> None:
    untold, other = Row(model_version="0.9.0", label="ancient"), Row(model_name="never-told", label="ham")
    await insert(database, [untold, other, Row(model_name="never-told", label="spam")])
    for row, label in ((untold, "ancient"), (untold, "mixed"), (other, "spam")):
        assert (await give(client, row, label)).status_code == 200
    for row, label in ((untold, "modern"), (other, "mixed")):
        assert (await give(client, row, label)).status_code == 422


async def test_a_label_with_joined_emoji_or_letters_is_a_label(client: httpx.AsyncClient, database: Database) -> None:
    family = "👨‍👩‍👧"
    await register(database, "lexicon", labels=[family, "می‌خواهم"])
    row = Row(label=family)
    await insert(database, [row])
    for label in (family, "می‌خواهم"):
        assert (await give(client, row, label)).status_code == 200
