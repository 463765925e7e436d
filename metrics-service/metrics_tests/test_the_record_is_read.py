"""Predictions come back as they were recorded: filtered, newest first, page by page, each exactly once."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.retention import Retention
from metrics_service.predictions import reader, statements, stretches
from metrics_tests.rows import Row, counted, insert, register
from metrics_tests.service import client_of, settings_for
from shared.http.caller import caller_digest
from shared.testing.postgres import Database

LABELS = ("positive", "negative", "neutral")
CALLERS = ("192.0.2.1", "192.0.2.2", "2001:db8::/64")
KEPT_DAYS = 30


def digest(caller: str) -> UUID:
    return UUID(caller_digest(caller))


def any_row(rng: random.Random, now: datetime) -> Row:
    """A prediction of some task; times are whole seconds, so that several have the same."""
    at = now - timedelta(
        seconds=rng.choice([rng.randrange(90), rng.randrange(3600), rng.randrange(30 * 3600, 32 * 3600)])
    )
    common = {"created_at": at.replace(microsecond=0), "caller": rng.choice([None, *map(digest, CALLERS)])}
    match rng.randrange(4):
        case 0:
            return Row(**common, task_type="regression", model_name="price", label=None, confidence=None,
                       value=round(rng.gauss(0, 100), 3))  # fmt: skip
        case 1:
            labels = tuple(rng.sample(LABELS, rng.randrange(3)))
            return Row(**common, task_type="multilabel", model_name="topics", labels=labels,
                       label=labels[0] if labels else None, confidence=rng.random() if labels else None)  # fmt: skip
        case _:
            return Row(**common, label=rng.choice(LABELS), confidence=rng.random(),
                       model_version=rng.choice(["1.0.0", "1.1.0"]))  # fmt: skip


def any_filter(rng: random.Random, now: datetime) -> dict[str, Any]:
    """Each field is asked for now and then."""
    choices: dict[str, Any] = {
        "model_name": rng.choice(["lexicon", "price", "topics"]),
        "model_version": rng.choice(["1.0.0", "1.1.0"]),
        "label": rng.choice(LABELS),
        "min_confidence": rng.uniform(0, 0.6),
        "max_confidence": rng.uniform(0.6, 1),
        "min_value": rng.uniform(-200, 0),
        "max_value": rng.uniform(0, 200),
        "since": now - timedelta(seconds=rng.randrange(3600, 120_000)),
        "until": now - timedelta(seconds=rng.randrange(3600)),
        "caller": rng.choice(CALLERS),
        "feedback": rng.choice(["given", "missing"]),
    }
    return {name: value for name, value in choices.items() if rng.random() < 0.25}


def is_meant(row: Row, asked: dict[str, Any], judged: set[UUID]) -> bool:
    """The filter once more, in the words of this test."""
    tests = {
        "model_name": lambda name: row.model_name == name,
        "model_version": lambda version: row.model_version == version,
        "label": lambda label: row.label == label or label in (row.labels or ()),
        "min_confidence": lambda least: row.confidence is not None and row.confidence >= least,
        "max_confidence": lambda most: row.confidence is not None and row.confidence <= most,
        "min_value": lambda least: row.value is not None and row.value >= least,
        "max_value": lambda most: row.value is not None and row.value <= most,
        "since": lambda since: row.created_at >= since,
        "until": lambda until: row.created_at < until,
        "caller": lambda caller: row.caller == digest(caller),
        "feedback": lambda wanted: (row.prediction_id in judged) == (wanted == "given"),
    }
    return all(tests[name](value) for name, value in asked.items())


async def pages(client: httpx.AsyncClient, asked: dict[str, Any], limit: int) -> list[list[dict[str, Any]]]:
    """All pages, to the last."""
    found, cursor = [], None
    while True:
        parameters = {**asked, "limit": limit} | ({"cursor": cursor} if cursor else {})
        answer = await client.get("/predictions", params=parameters)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()["predictions"])
        cursor = answer.json()["next_cursor"]
        if cursor is None:
            return found


async def judge(client: httpx.AsyncClient, rows: list[Row]) -> set[UUID]:
    """Feedback on some of them."""
    given = [{"prediction_id": str(row.prediction_id), "label": "neutral"} for row in rows]
    answer = await client.post("/feedback/batch", json={"feedback": given})
    results = answer.raise_for_status().json()["results"]
    return {UUID(result["prediction_id"]) for result in results if result["outcome"] == "recorded"}


@pytest.mark.timeout(180)
async def test_every_filter_finds_what_it_means_and_nothing_else(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng, now = random.Random(seed), datetime.now(UTC)
    await database.fetch(
        "CREATE OR REPLACE FUNCTION predictions.callers_since() RETURNS timestamptz LANGUAGE sql IMMUTABLE "
        "AS $$ SELECT '2000-01-01'::timestamptz $$"
    )
    rows = [any_row(rng, now) for _ in range(200)]
    await insert(database, rows)
    for name, version in (("lexicon", "1.0.0"), ("lexicon", "1.1.0"), ("topics", "1.0.0"), ("price", "1.0.0")):
        await register(database, name, version, labels=LABELS)
    judged = await judge(client, rng.sample(rows, 70))
    assert judged
    found_any = 0
    for turn in range(10):
        monkeypatch.setattr(stretches, "FEW", rng.choice([0, 20, 2000]))
        monkeypatch.setattr(reader, "PAGE_SECONDS", -1.0 if turn % 3 == 0 else 1.0)  # each stretch is a page of its own
        asked, limit = any_filter(rng, now), rng.choice([40, 1000])
        if (asked.get("model_name"), asked.get("model_version")) in (("price", "1.1.0"), ("topics", "1.1.0")):
            continue  # a version that there is not is a 404
        meant = [row for row in rows if is_meant(row, asked, judged)]
        meant.sort(key=lambda row: (row.created_at, row.prediction_id), reverse=True)
        found = await pages(client, asked | {key: asked[key].isoformat() for key in ("since", "until") if key in asked},
                            limit)  # fmt: skip
        assert [one["prediction_id"] for page in found for one in page] == [str(row.prediction_id) for row in meant], (
            asked
        )
        assert all(len(page) <= limit for page in found)
        found_any += bool(meant)
    assert found_any > 2


async def test_pages_that_give_up_end_where_the_window_begins(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "PAGE_SECONDS", -1.0)
    since = datetime.now(UTC).replace(second=30, microsecond=0) - timedelta(hours=1)
    await insert(database, [Row(created_at=since + timedelta(seconds=1)), Row(created_at=since - timedelta(seconds=1))])
    found = await pages(client, {"since": since.isoformat()}, 10)
    assert sum(map(len, found)) == 1


async def test_a_prediction_comes_back_with_all_that_is_known_of_it(
    client: httpx.AsyncClient, database: Database
) -> None:
    row = Row(caller=digest("192.0.2.1"), created_at=datetime.now(UTC))
    await insert(database, [row])
    await register(database, "lexicon")
    path = f"/predictions/{row.prediction_id}"
    expected = {
        "prediction_id": str(row.prediction_id), "model_name": "lexicon", "model_version": "1.0.0",
        "timestamp": row.created_at.isoformat().replace("+00:00", "Z"), "task_type": "classification",
        "prediction_label": "positive", "labels": None, "confidence": 0.9, "prediction_value": None,
        "inference_time_ms": 10.0, "input_length": 20, "metrics_data": {}, "text": None, "inputs": None,
        "caller": caller_digest("192.0.2.1"), "key_id": None, "feedback": None,
    }  # fmt: skip
    assert (await client.get(path)).json() == expected
    await judge(client, [row])
    given = (await client.get(path)).json()
    feedback = given.pop("feedback")
    assert (feedback["actual_label"], feedback["is_trusted"]) == ("neutral", True)
    assert given == {name: value for name, value in expected.items() if name != "feedback"}


async def test_a_walk_is_right_while_predictions_come_and_days_go(
    client: httpx.AsyncClient, database: Database, engine: AsyncEngine
) -> None:
    now = datetime.now(UTC)
    retention = Retention(engine, lambda: now, row_days=2, rollup_days=90, drop_attempts=10)
    await database.fetch("SELECT predictions.make_day($1)", (now - timedelta(days=3)).date())
    await database.fetch("SELECT predictions.make_day($1)", (now - timedelta(days=1)).date())
    days = [now - timedelta(days=1, seconds=number) for number in range(5)]
    staying = [Row(created_at=at) for at in [now - timedelta(seconds=9), *days]]
    going = [Row(created_at=now - timedelta(days=3, seconds=number)) for number in range(5)]
    await insert(database, staying + going)

    seen, cursor = [], None
    for turn in range(100):
        answer = await client.get("/predictions", params={"limit": 2} | ({"cursor": cursor} if cursor else {}))
        page = answer.raise_for_status().json()
        seen += [UUID(one["prediction_id"]) for one in page["predictions"]]
        await insert(database, [Row(created_at=datetime.now(UTC))])
        if turn == 1:
            await retention.tidy()
        if (cursor := page["next_cursor"]) is None:
            break
    assert seen == [row.prediction_id for row in staying]


async def test_rare_predictions_are_found_without_a_look_at_the_others(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the rollups: what they have not counted is not looked for."""
    monkeypatch.setattr(stretches, "FEW", 0)
    now = datetime.now(UTC)
    rare = Row(model_name="rare", created_at=now - timedelta(days=2))
    await insert(database, [rare, *(Row(created_at=now - timedelta(hours=number)) for number in range(48))])
    await counted(database)
    await database.fetch("DELETE FROM metrics.rollup_counted WHERE minutes = 1 AND model_name = 'lexicon'")
    assert (await client.get("/predictions", params={"model_name": "lexicon"})).json()["predictions"] == []
    (found,) = (await client.get("/predictions", params={"model_name": "rare"})).json()["predictions"]
    assert found["prediction_id"] == str(rare.prediction_id)


async def test_what_is_rare_by_its_confidence_is_found_with_few_statements(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One in three hundred, over twenty hours in which there are some predictions a minute."""
    now = datetime.now(UTC)
    rows = [
        Row(created_at=now - timedelta(seconds=12 * number), confidence=0.1 if number % 300 == 299 else 0.9)
        for number in range(6000)
    ]
    await insert(database, rows)
    asked: list[object] = []
    ask = statements.rows
    monkeypatch.setattr(statements, "rows", lambda *values: asked.append(values) or ask(*values))
    page = (await client.get("/predictions", params={"max_confidence": 0.5})).json()
    assert [one["prediction_id"] for one in page["predictions"]] == [str(row.prediction_id) for row in rows[299::300]]
    assert len(asked) <= 3


async def test_a_cursor_belongs_to_its_filters(client: httpx.AsyncClient, database: Database) -> None:
    now = datetime.now(UTC)
    rows = [Row(created_at=now - timedelta(seconds=number), label=LABELS[number % 2]) for number in range(6)]
    await insert(database, rows)
    page = (await client.get("/predictions", params={"label": "positive", "limit": 1})).json()
    cursor = page["next_cursor"]
    other = await client.get("/predictions", params={"label": "negative", "cursor": cursor})
    assert other.status_code == 422
    assert other.json()["errors"] == [
        {"location": "query.cursor",
         "message": "is of a query with other filters: they must stay the same from page to page"}
    ]  # fmt: skip
    for wrong in ("x", "A" * 43, cursor[:-4], cursor + "AAAA", "ä"):
        refused = await client.get("/predictions", params={"label": "positive", "cursor": wrong})
        assert refused.status_code == 422, wrong
        assert refused.json()["errors"][0]["location"] == "query.cursor"

    by_id = {"label": "positive", "cursor": page["predictions"][0]["prediction_id"]}
    again = await client.get("/predictions", params={"label": "positive", "cursor": cursor})
    assert (await client.get("/predictions", params=by_id)).json() == again.json()
    foreign = await client.get("/predictions", params={"label": "positive", "cursor": str(rows[1].prediction_id)})
    assert foreign.status_code == 422
    nobody = await client.get("/predictions", params={"cursor": str(uuid4())})
    assert nobody.status_code == 404
    assert nobody.json()["type"] == "urn:problem-type:unknown-prediction"


@pytest.mark.parametrize(
    ("asked", "location"),
    [
        ({"min_confidence": 0.9, "max_confidence": 0.1}, "query.min_confidence"),
        ({"min_value": 2, "max_value": 1}, "query.min_value"),
        ({"min_value": "nan"}, "query.min_value"),
        ({"max_confidence": 1.1}, "query.max_confidence"),
        ({"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"}, "query.since"),
        ({"since": "2026-01-02T00:00:00"}, "query.since"),
        ({"until": "9999-01-01T00:00:00Z"}, "query.until"),
        ({"limit": 0}, "query.limit"),
        ({"limit": 1001}, "query.limit"),
        ({"caller": ""}, "query.caller"),
        ({"caller": "x" * 201}, "query.caller"),
        ({"label": "\u200b"}, "query.label"),
        ({"feedback": "maybe"}, "query.feedback"),
        ({"model_name": "../x"}, "query.model_name"),
        ({"modelname": "x"}, "query.modelname"),
    ],
)
async def test_what_cannot_be_asked_is_refused_by_name(
    client: httpx.AsyncClient, asked: dict[str, Any], location: str
) -> None:
    answer = await client.get("/predictions", params=asked)
    assert answer.status_code == 422
    assert location in [error["location"] for error in answer.json()["errors"]]


async def test_unknown_names_and_ids_are_404(client: httpx.AsyncClient) -> None:
    assert (await client.get("/predictions", params={"model_name": "nobody"})).status_code == 404
    for prediction_id in (uuid4(), "01a20847-a5a7-7417-9958-3271ea4081d2", "ffffffff-ffff-7fff-bfff-ffffffffffff"):
        answer = await client.get(f"/predictions/{prediction_id}")
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:problem-type:unknown-prediction"
    assert (await client.get("/predictions/1")).status_code == 422


async def test_nobody_reads_without_the_token(database: Database) -> None:
    async with client_of(settings_for(database), headers={}) as anonymous:
        for path in ("/predictions", "/predictions/export", f"/predictions/{uuid4()}"):
            assert (await anonymous.get(path)).status_code == 401
            assert (await anonymous.get(path, headers={"Authorization": "Bearer wrong"})).status_code == 401
