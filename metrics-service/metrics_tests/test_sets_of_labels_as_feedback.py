"""Which labels a prediction of several should have had, and how good predictions were by that."""

import csv
import io
import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import httpx
import pyarrow.parquet
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.feedback.contracts import Caller, Feedback, Outcome, Quality
from metrics_service.feedback.corroboration import corroborated
from metrics_service.feedback.store import FeedbackStore
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from metrics_tests.rows import Row, insert, register
from shared.testing.postgres import Database

END = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=3)
TOPICS = ["culture", "economy", "politics", "science", "sport"]
CALLER_LIMIT = 4


@pytest.fixture(autouse=True)
async def loaded(database: Database) -> None:
    """The models of these tests."""
    await register(database, "topics", labels=TOPICS, task_type="multilabel")
    await register(database, "lexicon")


def topics(*labels: str, minutes_ago: float = 5.0, **more: object) -> Row:
    """Of the labels the first is the surest."""
    surest = labels[0] if labels else None
    return Row(
        END - timedelta(minutes=minutes_ago), surest, 0.9 if labels else None, 1.0, "topics",
        task_type="multilabel", labels=labels, **more,
    )  # fmt: skip


def said(row: Row, **what: object) -> dict[str, object]:
    return {"prediction_id": str(row.prediction_id), **what}


async def quality_of(client: httpx.AsyncClient, **query: object) -> dict:
    answer = await client.post("/metrics/quality", json={"window_end": END.isoformat(), **query})
    assert answer.status_code == 200, answer.text
    return answer.json()


Word = tuple[Row, Feedback, Caller]


def recounted(words: Sequence[Word]) -> dict:
    """What quality says of these judgements, counted one by one."""
    given = Counter(caller.digest for _, _, caller in words if not caller.is_trusted)
    right = whole = sets_right = sets_whole = 0.0
    judged = 0
    labels: dict[str, Counter[str]] = {}
    for row, word, caller in words:
        weight = 1.0 if caller.is_trusted else min(1.0, CALLER_LIMIT / given[caller.digest])
        was = {row.label} if word.label is not None else set(row.labels or ())
        should = {word.label} if word.label is not None else set(word.labels or ())
        right, whole = right + weight * (was == should), whole + weight
        if word.labels is not None:
            judged += 1
            sets_right, sets_whole = sets_right + weight * (was == should), sets_whole + weight
        kind = "single" if word.label is not None else "set"
        for label in was | should:
            counts = labels.setdefault(label, Counter())
            for name, there in (("predicted", was), ("actual", should), ("both", was & should)):
                counts[name] += label in there
                counts[f"{name} weight"] += weight * (label in there)
                counts[f"{name} {kind}"] += weight * (label in there)
    of_sets = {
        name: sum(counts[f"{name} set"] for counts in labels.values()) for name in ("predicted", "actual", "both")
    }
    return {
        "feedback_count": len(words),
        "weight": pytest.approx(whole),
        "accuracy": near(right, whole),
        "sets": {
            "judged": judged,
            "accuracy": near(sets_right, sets_whole),
            "precision": near(of_sets["both"], of_sets["predicted"]),
            "recall": near(of_sets["both"], of_sets["actual"]),
        }
        if judged
        else None,
        "labels": [
            {
                "label": label,
                "predicted": counts["predicted"],
                "actual": counts["actual"],
                "precision": near(counts["both weight"], counts["predicted weight"]),
                "recall": near(counts["both weight"], counts["actual weight"]),
            }
            for label, counts in sorted(labels.items())
        ],
    }


def near(part: float, whole: float) -> object:
    return pytest.approx(part / whole) if whole else None


def shown(quality: Quality, names: Mapping[str, object]) -> dict:
    return quality.model_dump(include=set(names))


async def test_quality_is_that_of_the_last_words_whoever_said_what(database: Database, engine: AsyncEngine) -> None:
    """Sets and single labels, of several callers with and without the token, some over the limit; as recounted."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)

    def some() -> list[str]:
        return rng.sample(TOPICS, rng.choice([0, 1, 1, 2, 3, 5]))

    rows = [
        topics(*some(), minutes_ago=rng.uniform(0, 40), model_version=rng.choice(["1.0.0", "2.0.0"])) for _ in range(80)
    ]
    await insert(database, rows)
    store = FeedbackStore(engine, CALLER_LIMIT)
    callers = [Caller(f"caller {n}", is_trusted=False) for n in range(5)] + [Caller("operator", is_trusted=True)]
    last: dict[Row, Word] = {}
    for _ in range(40):
        caller = rng.choices(callers, [9, 3, 1, 1, 1, 3])[0]
        chosen = rng.sample(rows, rng.randint(1, 8))
        words = [
            Feedback(prediction_id=row.prediction_id, label=rng.choice(TOPICS))
            if row.label is not None and rng.random() < 0.3
            else Feedback(
                prediction_id=row.prediction_id, labels=list(row.labels or ()) if rng.random() < 0.5 else some()
            )
            for row in chosen
        ]
        results = await store.give_all(words, caller)
        for row, word, result in zip(chosen, words, results, strict=True):
            known = last.get(row)
            stands = known is not None and not caller.is_trusted and (known[2].is_trusted or known[2] != caller)
            assert (result.outcome is Outcome.RECORDED) is not stands, result
            if not stands:
                last[row] = (row, word, caller)
    for minutes, version in ((60, None), (60, "2.0.0"), (13, None), (1, None)):
        window = Window(END - timedelta(minutes=minutes), END)
        within = [
            word for row, word in last.items()
            if window.start <= row.created_at < window.end and version in {None, row.model_version}
        ]  # fmt: skip
        expected = recounted([(row, word, caller) for row, word, caller in within])
        selection = Selection(window, None, "topics", version)
        assert shown(await store.quality(selection), expected) == expected
        heard = await corroborated(engine, selection, CALLER_LIMIT)
        right = sum(
            word.label == row.label if word.label is not None else set(word.labels or ()) == set(row.labels or ())
            for row, word, _ in within
        )
        assert (heard.right.said, heard.wrong.said) == (right, len(within) - right)


async def test_what_was_said_is_on_record_and_in_every_export(client: httpx.AsyncClient, database: Database) -> None:
    row, none = topics("sport", "economy"), topics(minutes_ago=4)
    await insert(database, [row, none, topics("science", minutes_ago=3)])
    answer = await client.post("/feedback", json=said(row, labels=["politics", "economy"]))
    assert answer.json() == {
        "prediction_id": str(row.prediction_id), "prediction_label": None, "actual_label": None,
        "prediction_labels": ["economy", "sport"], "actual_labels": ["economy", "politics"],
        "given_at": answer.json()["given_at"],
    }  # fmt: skip
    answer = await client.post("/feedback", json=said(none, labels=[]))
    assert (answer.json()["prediction_labels"], answer.json()["actual_labels"]) == ([], [])
    one = (await client.get(f"/predictions/{row.prediction_id}")).json()
    assert one["labels"] == ["sport", "economy"]
    assert one["feedback"]["actual_labels"] == ["economy", "politics"]
    assert (one["feedback"]["actual_label"], one["feedback"]["actual_value"]) == (None, None)
    lines = (await client.get("/predictions/export", params={"format": "ndjson", "feedback": "given"})).text
    assert [json.loads(line)["feedback"]["actual_labels"] for line in lines.splitlines()] == [
        [],
        ["economy", "politics"],
    ]
    text = (await client.get("/predictions/export", params={"format": "csv"})).text
    expected = ["", "[]", '["economy","politics"]']
    assert [line["actual_labels"] for line in csv.DictReader(io.StringIO(text))] == expected
    file = (await client.get("/predictions/export", params={"format": "parquet"})).content
    table = pyarrow.parquet.read_table(io.BytesIO(file))
    assert table["actual_labels"].to_pylist() == [None, *expected[1:]]


async def test_the_last_word_counts_though_it_is_of_another_kind(client: httpx.AsyncClient, database: Database) -> None:
    row = topics("sport", "economy")
    await insert(database, [row])
    for what, accuracy, sets in (
        ({"label": "sport"}, 1, None),
        ({"labels": ["sport"]}, 0, {"judged": 1, "accuracy": 0, "precision": 0.5, "recall": 1}),
        ({"labels": ["sport", "economy"]}, 1, {"judged": 1, "accuracy": 1, "precision": 1, "recall": 1}),
        ({"labels": []}, 0, {"judged": 1, "accuracy": 0, "precision": 0, "recall": None}),
        ({"label": "economy"}, 0, None),
    ):
        answer = await client.post("/feedback", json=said(row, **what))
        assert answer.status_code == 200, answer.text
        found = await quality_of(client)
        assert (found["feedback_count"], found["accuracy"], found["sets"]) == (1, accuracy, sets)
    assert found["confusion"] == [{"predicted": "sport", "actual": "economy", "count": 1, "weight": 1}]


async def test_what_does_not_fit_is_told_with_what_would(client: httpx.AsyncClient, database: Database) -> None:
    row, none, label = topics("sport"), topics(), Row(created_at=END)
    house = Row(created_at=END, label=None, confidence=None, model_name="houses", task_type="regression", value=1.0)
    old = Row(created_at=END, label="sport", model_name="topics", task_type="multilabel")
    await insert(database, [row, none, label, house, old])
    for to, what, location, message in (
        (label, {"labels": ["positive"]}, "body.labels", "only a multilabel model's has; send the right label."),
        (house, {"labels": []}, "body.labels", "only a multilabel model's has; send the right value."),
        (old, {"labels": []}, "body.labels", "topics 1.0.0 has no set of labels to judge"),
        (none, {"label": "sport"}, "body.label", "no label to judge; send labels, all that would have been right."),
        (row, {"value": 1}, "body.value", "only a regression's has; send labels"),
        (row, {"labels": ["sport", "love"]}, "body.labels", "topics 1.0.0 has no label 'love'; its labels: culture"),
        (row, {"labels": ["sport", "sport"]}, "body.labels", "has 'sport' more than once"),
        (row, {"labels": "sport"}, "body.labels", "valid array"),
        (row, {"labels": [" "]}, "body.labels.0", "at least 1 character"),
        (row, {"labels": ["a"] * 1001}, "body.labels", "at most 1000 items"),
        (row, {"labels": [], "label": "sport"}, "body", "send either label or"),
        (row, {"labels": None}, "body", "for a multilabel model, labels"),
    ):
        answer = await client.post("/feedback", json=said(to, **what))
        assert answer.status_code == 422, (what, answer.text)
        (error,) = answer.json()["errors"]
        assert (error["location"], message in error["message"]) == (location, True), error
    assert await database.fetch("SELECT 1 FROM metrics.feedback") == []


async def test_a_batch_takes_every_kind_together(client: httpx.AsyncClient, database: Database) -> None:
    row, label = topics("sport"), Row(created_at=END - timedelta(minutes=5))
    await insert(database, [row, label])
    rows = [
        said(row, labels=["sport"]),
        said(label, labels=["positive"]),
        said(label, label="positive"),
        said(row, labels=["love"]),
        said(row, labels=["sport", "economy"]),
        said(row, labels=[1]),
    ]
    answer = (await client.post("/feedback/batch", json={"feedback": rows})).json()
    assert [each["outcome"] for each in answer["results"]] == [
        "superseded", "no_labels", "recorded", "unknown_label", "recorded", "invalid",
    ]  # fmt: skip
    assert answer["results"][4]["actual_labels"] == ["economy", "sport"]
    found = await quality_of(client)
    assert (found["feedback_count"], found["accuracy"], found["sets"]["judged"]) == (2, 0.5, 1)


async def test_a_whole_batch_may_have_sets_and_no_request_has_labels_without_end(
    client: httpx.AsyncClient, database: Database
) -> None:
    rows = [topics("sport") for _ in range(1000)]
    await insert(database, rows)
    answer = await client.post("/feedback/batch", json={"feedback": [said(row, labels=TOPICS) for row in rows]})
    assert answer.json()["recorded"] == 1000
    assert (await quality_of(client))["sets"] == {"judged": 1000, "accuracy": 0, "precision": 1, "recall": 0.2}
    many = [said(row, labels=[f"label {n}" for n in range(40)]) for row in rows]
    assert (await client.post("/feedback/batch", json={"feedback": many})).status_code == 413


async def test_confidence_is_held_against_the_surest_label_alone(client: httpx.AsyncClient, database: Database) -> None:
    """It says nothing of the others, so a set that is wrong as a whole may show that the model was rightly sure."""
    rows = [topics("sport", "economy"), topics("sport"), topics("science"), topics(minutes_ago=4)]
    await insert(database, rows)
    for row, labels in zip(rows, (["sport"], ["economy"], [], ["sport"]), strict=True):
        await client.post("/feedback", json=said(row, labels=labels))
    answer = await client.post("/metrics/calibration", json={"window_end": END.isoformat()})
    found = answer.json()
    assert found["feedback_count"] == 3
    assert found["bins"][9]["accuracy"] == pytest.approx(1 / 3)
    assert found["overconfidence"] == pytest.approx(0.9 - 1 / 3)
