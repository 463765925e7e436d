"""Many judgements at once, and nobody's judgements without limit."""

import asyncio
import random
from collections.abc import Sequence
from uuid import uuid4

import httpx
import pytest

from metrics_service.feedback.contracts import MAX_BATCH
from metrics_tests.rows import Row, insert, register
from metrics_tests.service import client_of, settings_for
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database

ANONYMOUS: dict[str, str] = {}
SEED = 7


@pytest.fixture(autouse=True)
async def loaded(database: Database) -> None:
    """The model of these tests."""
    await register(database, "lexicon")


def judgement(row: Row, label: str = "positive") -> dict:
    return {"prediction_id": str(row.prediction_id), "label": label}


async def give_all(client: httpx.AsyncClient, rows: Sequence[object], **headers: str) -> dict:
    answer = await client.post("/feedback/batch", json={"feedback": rows}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def quality(client: httpx.AsyncClient) -> dict:
    return (await client.post("/metrics/quality", json={})).json()


async def test_every_row_has_its_outcome_in_order(client: httpx.AsyncClient, database: Database) -> None:
    good, other = Row(), Row(label="negative")
    await insert(database, [good, other])
    unknown = uuid4()
    found = await give_all(
        client,
        [
            judgement(good, "negative"),
            {"prediction_id": str(unknown), "label": "positive"},
            judgement(other, "sad"),
            {"prediction_id": "nonsense", "label": "positive"},
            {"label": "positive"},
            "text",
            judgement(other) | {"stars": 5},
            judgement(other, "bad\u202e"),
            judgement(other, "negative"),
        ],
    )
    assert [result["outcome"] for result in found["results"]] == [
        "recorded",
        "unknown_prediction",
        "unknown_label",
        *["invalid"] * 5,
        "recorded",
    ]
    assert found["recorded"] == 2
    first, second, third, fourth, *_ = found["results"]
    assert (first["prediction_label"], first["actual_label"]) == ("positive", "negative")
    assert second["prediction_id"] == str(unknown)
    assert "its labels: negative, neutral, positive" in third["detail"]
    assert fourth["detail"].startswith("prediction_id: ")
    assert (await quality(client))["feedback_count"] == 2


async def test_of_several_rows_on_one_prediction_the_last_one_that_can_be_recorded_counts_and_each_says_so(
    client: httpx.AsyncClient, database: Database
) -> None:
    row, other = Row(), Row()
    await insert(database, [row, other])
    given = [judgement(row, label) for label in ("negative", "positive", "neutral", "sad")] + [judgement(other)]
    found = await give_all(client, given)
    outcomes = [result["outcome"] for result in found["results"]]
    assert outcomes == ["superseded", "superseded", "recorded", "unknown_label", "recorded"]
    assert found["recorded"] == 2
    first, _, third, *_ = found["results"]
    assert (first["prediction_id"], first["actual_label"]) == (str(row.prediction_id), None)
    assert "later row" in first["detail"]
    assert third["actual_label"] == "neutral"


async def test_a_trusted_word_stands_against_every_row_of_a_batch(database: Database) -> None:
    row = Row()
    await insert(database, [row])
    async with client_of(settings_for(database), headers={}) as client:
        assert (await client.post("/feedback", json=judgement(row), headers=ADMIN)).status_code == 200
        found = await give_all(client, [judgement(row, "negative"), judgement(row, "neutral")])
    assert [result["outcome"] for result in found["results"]] == ["trusted_word_stands"] * 2
    assert found["recorded"] == 0


async def test_a_thousand_are_taken_and_one_more_is_not(client: httpx.AsyncClient, database: Database) -> None:
    rows = [Row() for _ in range(MAX_BATCH)]
    await insert(database, rows)
    found = await give_all(client, [judgement(row) for row in rows])
    assert found["recorded"] == MAX_BATCH
    for size in (0, MAX_BATCH + 1):
        answer = await client.post("/feedback/batch", json={"feedback": [judgement(rows[0])] * size})
        assert answer.status_code == 422


async def test_of_several_words_on_one_prediction_the_last_one_counts(
    client: httpx.AsyncClient, database: Database
) -> None:
    row = Row()
    await insert(database, [row])
    found = await give_all(client, [judgement(row, label) for label in ("negative", "positive", "neutral")])
    assert [result["actual_label"] for result in found["results"]] == [None, None, "neutral"]
    assert (await quality(client))["feedback_count"] == 1


async def test_batches_on_the_same_predictions_at_once_are_all_taken(
    client: httpx.AsyncClient, database: Database
) -> None:
    rows = [Row() for _ in range(200)]
    await insert(database, rows)
    generator = random.Random(SEED)
    batches = [generator.sample(rows, len(rows)) for _ in range(6)]
    found = await asyncio.gather(*(give_all(client, [judgement(row) for row in batch]) for batch in batches))
    assert [answer["recorded"] for answer in found] == [200] * 6
    assert (await quality(client))["feedback_count"] == 200


async def test_an_anonymous_caller_counts_for_a_limit_however_much_it_says(database: Database) -> None:
    async with client_of(settings_for(database, feedback_caller_limit=50), ANONYMOUS) as client:
        rows = [Row() for _ in range(1200)]
        await insert(database, rows)
        await give_all(client, [judgement(row) for row in rows[:200]], **ADMIN)
        for first in (200, 700):
            await give_all(client, [judgement(row, "negative") for row in rows[first : first + 500]])
        found = await quality(client)
        assert found["feedback_count"] == 1200
        assert found["weight"] == pytest.approx(250)
        assert found["accuracy"] == pytest.approx(200 / 250)
        labels = {label["label"]: label for label in found["labels"]}
        assert labels["positive"]["precision"] == pytest.approx(200 / 250)
        assert (labels["negative"]["actual"], labels["negative"]["recall"]) == (1000, 0)


async def test_callers_are_told_apart_by_what_the_gateway_counts_them_as(database: Database) -> None:
    async with client_of(settings_for(database, feedback_caller_limit=10), ANONYMOUS) as client:
        rows = [Row() for _ in range(60)]
        await insert(database, rows)
        for number, caller in enumerate(("192.0.2.1", "192.0.2.2", "2001:db8::/64")):
            part = rows[number * 20 : number * 20 + 20]
            await give_all(client, [judgement(row) for row in part], **{"X-Caller": caller})
        assert (await quality(client))["weight"] == pytest.approx(30)


@pytest.mark.parametrize(
    ("said", "callers", "is_independent"),
    [
        ([], 0, False),
        ([("one", "negative", 20)], 1, False),
        ([("one", "negative", 20), ("two", "positive", 1), ("three", "positive", 1)], 3, False),
        ([("one", "negative", 20), ("two", "negative", 20), ("three", "negative", 1)], 3, False),
        ([("one", "negative", 8), ("two", "negative", 7), ("three", "negative", 9)], 3, True),
        ([("one", "negative", 8), ("two", "negative", 7), ("three", "negative", 9), ("four", "positive", 2)], 4, True),
        ([("one", "negative", 20), ("", "positive", 1)], 2, False),
        ([("one", "negative", 3), ("", "negative", 20)], 2, True),
    ],
)  # fmt: skip
async def test_quality_says_whether_it_is_more_than_a_few_strangers_word(
    database: Database, said: list[tuple[str, str, int]], callers: int, is_independent: bool
) -> None:
    """A caller without a name has the admin token."""
    async with client_of(settings_for(database), ANONYMOUS) as client:
        rows = [Row() for _ in range(60)]
        await insert(database, rows)
        for caller, label, times in said:
            own, rows = rows[:times], rows[times:]
            headers = {"X-Caller": caller} if caller else ADMIN
            await give_all(client, [judgement(row, label) for row in own], **headers)
        found = await quality(client)
        assert (found["callers"], found["is_independent"]) == (callers, is_independent)


async def test_one_who_is_alone_is_believed_as_ever(client: httpx.AsyncClient, database: Database) -> None:
    rows = [Row() for _ in range(400)]
    await insert(database, rows)
    await give_all(client, [judgement(row, "positive" if n < 300 else "negative") for n, row in enumerate(rows)])
    found = await quality(client)
    assert (found["feedback_count"], found["accuracy"]) == (400, pytest.approx(0.75))


async def test_a_trusted_word_stands_against_anonymous_ones(database: Database) -> None:
    async with client_of(settings_for(database), ANONYMOUS) as client:
        row = Row()
        await insert(database, [row])
        assert (await client.post("/feedback", json=judgement(row, "negative"))).status_code == 200
        assert (await client.post("/feedback", json=judgement(row), headers=ADMIN)).status_code == 200
        refused = await client.post("/feedback", json=judgement(row, "negative"))
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:problem-type:trusted-word-stands")
        (result,) = (await give_all(client, [judgement(row, "negative")]))["results"]
        assert result["outcome"] == "trusted_word_stands"
        assert (await client.post("/feedback", json=judgement(row, "neutral"), headers=ADMIN)).status_code == 200


async def test_nobody_changes_what_another_caller_said(database: Database) -> None:
    """One by one and in batches; one's own word can be changed, and a trusted one changes any."""
    async with client_of(settings_for(database), ANONYMOUS) as client:
        row, other, unjudged = Row(), Row(), Row()
        await insert(database, [row, other, unjudged])
        first, second = {"X-Caller": "192.0.2.1"}, {"X-Caller": "192.0.2.2"}
        await give_all(client, [judgement(row, "negative"), judgement(other, "negative")], **first)
        refused = await client.post("/feedback", json=judgement(row), headers=second)
        assert (refused.status_code, refused.json()["type"]) == (409, "urn:problem-type:another-word-stands")
        found = await give_all(
            client, [judgement(row), judgement(unjudged), judgement(other), judgement(other, "neutral")], **second
        )
        outcomes = [result["outcome"] for result in found["results"]]
        assert outcomes == ["another_word_stands", "recorded", "another_word_stands", "another_word_stands"]
        assert "only that caller" in found["results"][0]["detail"]
        assert await words_on(database, row, other, unjudged) == ["negative", "negative", "positive"]
        assert (await client.post("/feedback", json=judgement(row, "neutral"), headers=first)).status_code == 200
        assert (await client.post("/feedback", json=judgement(other), headers=second | ADMIN)).status_code == 200
        assert await words_on(database, row, other) == ["neutral", "positive"]
        (result,) = (await give_all(client, [judgement(other, "neutral")], **first))["results"]
        assert result["outcome"] == "trusted_word_stands"


async def test_a_word_of_nobody_known_is_changed_by_trusted_callers_alone(database: Database) -> None:
    """Rows that name no caller, as an older release wrote them."""
    async with client_of(settings_for(database), ANONYMOUS) as client:
        row = Row()
        await insert(database, [row])
        await give_all(client, [judgement(row, "negative")])
        await database.fetch("UPDATE metrics.feedback SET given_by = ''")
        assert (await client.post("/feedback", json=judgement(row))).status_code == 409
        assert (await client.post("/feedback", json=judgement(row), headers=ADMIN)).status_code == 200


async def words_on(database: Database, *rows: Row) -> list[str]:
    found = await database.fetch("SELECT prediction_id, actual_label FROM metrics.feedback")
    labels = {row["prediction_id"]: row["actual_label"] for row in found}
    return [labels[row.prediction_id] for row in rows]


async def test_a_wrong_token_is_a_401_and_none_is_anonymous(database: Database) -> None:
    async with client_of(settings_for(database), ANONYMOUS) as client:
        row = Row()
        await insert(database, [row])
        wrong = {"Authorization": "Bearer let-me-in"}
        assert (await client.post("/feedback", json=judgement(row), headers=wrong)).status_code == 401
        batch = {"feedback": [judgement(row)]}
        assert (await client.post("/feedback/batch", json=batch, headers=wrong)).status_code == 401
        assert (await client.post("/feedback", json=judgement(row))).status_code == 200


@pytest.mark.parametrize("body", [{}, {"feedback": {}}, {"feedback": [{}], "more": 1}, []])
async def test_a_body_that_is_no_batch_is_a_422(client: httpx.AsyncClient, body: object) -> None:
    assert (await client.post("/feedback/batch", json=body)).status_code == 422


async def test_what_is_not_known_of_old_feedback_is_believed(client: httpx.AsyncClient, database: Database) -> None:
    """Rows from before callers were told apart: the migration marks them as trusted."""
    row = Row()
    await insert(database, [row])
    await database.fetch(
        "INSERT INTO metrics.feedback (prediction_id, predicted_at, model_name, model_version, task_type,"
        " prediction_label, actual_label, is_trusted) VALUES ($1, $2, 'lexicon', '1.0.0', 'classification',"
        " 'positive', 'positive', true)",
        row.prediction_id,
        row.created_at,
    )
    assert (await quality(client))["weight"] == 1
