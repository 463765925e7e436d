"""What deserves a person's label comes with its reason, once, and never when somebody has judged it."""

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import httpx
import pytest

from metrics_service.review import reviewer
from metrics_tests.rows import Row, insert, register
from metrics_tests.test_rollout_report import insert_as_json
from shared.contracts.window import EARLIEST_WINDOW_END, LATEST_WINDOW_END
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

REVIEW = "/predictions/review"
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The beginning of each test: half an hour may go by between that of the run and one of its tests."""
    monkeypatch.setitem(globals(), "NOW", datetime.now(UTC).replace(microsecond=0))


def row(minutes_ago: float = 5, confidence: float | None = 0.9, **other: Any) -> Row:
    """No two of the same length, so that none is like another."""
    return Row(created_at=NOW - timedelta(minutes=minutes_ago), confidence=confidence,
               input_length=other.pop("input_length", random.randrange(1, 2**31)), **other)  # fmt: skip


async def page(client: httpx.AsyncClient, **parameters: Any) -> dict[str, Any]:
    answer = await client.get(REVIEW, params={"model_name": "lexicon"} | parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def pages(client: httpx.AsyncClient, **parameters: Any) -> list[dict[str, Any]]:
    """The entries of all pages."""
    one = await page(client, **parameters)
    found = one["entries"]
    while one["next_cursor"]:
        assert len(one["entries"]) == parameters["limit"]
        one = await page(client, **parameters, cursor=one["next_cursor"])
        found += one["entries"]
    return found


def ids(entries: list[dict[str, Any]], reason: str | None = None) -> list[UUID]:
    return [UUID(one["prediction"]["prediction_id"]) for one in entries if reason in (None, one["reason"])]


async def disagree(database: Database, rows: list[Row], **other: Any) -> None:
    """A candidate says of these something else than the stable version."""
    said = [
        {"prediction_id": str(one.prediction_id), "made_at": one.created_at.isoformat(), "model_name": one.model_name,
         "stable_version": one.model_version, "candidate_version": "2.0.0", "started_at": NOW.isoformat(),
         "task_type": one.task_type, "stable_label": one.label, "stable_time_ms": 1.0, "prediction_label": "negative",
         "agrees": False, "distance": number / 100} | other
        for number, one in enumerate(rows, 1)
    ]  # fmt: skip
    await insert_as_json(database, "prediction_service", "shadow", said)


async def test_the_least_sure_come_first(client: httpx.AsyncClient, database: Database) -> None:
    rows = [row(confidence=0.3 + number / 1000) for number in range(600)]
    undecided = row(confidence=None, label=None, labels=(), task_type="multilabel")
    await insert(database, random.sample(rows, len(rows)))
    found = (await page(client, limit=5))["entries"]
    assert ids(found) == [one.prediction_id for one in rows[:5]]
    assert {one["reason"] for one in found} == {"low_confidence"}
    assert found[0]["because"].startswith("confidence 0.3, among the lowest")
    assert ids(await pages(client, limit=7)) == [one.prediction_id for one in rows[:30]], "the least sure twentieth"
    await insert(database, [undecided])
    first = (await page(client, limit=1))["entries"][0]
    assert (ids([first]), first["because"]) == ([undecided.prediction_id], "no label was sure enough")


async def test_reasons_take_turns(client: httpx.AsyncClient, database: Database) -> None:
    before = [row(minutes_ago=100, label="positive") for _ in range(200)]
    usual = [row(minutes_ago=20, confidence=0.8 + number / 10_000) for number in range(400)]
    rare = [row(label="neutral", confidence=0.99) for _ in range(3)]
    grown = [row(label="negative", confidence=0.98) for _ in range(100)]
    await insert(database, [*before, *usual, *rare, *grown])
    await disagree(database, usual[300:310])
    found = (await page(client, limit=4, time_window_minutes=60))["entries"]
    assert [one["reason"] for one in found] == ["disagreement", "low_confidence", "rare_label", "drifting_label"]
    assert ids(found)[:2] == [usual[309].prediction_id, usual[0].prediction_id]
    assert found[0]["because"] == "2.0.0 in the shadow says negative (distance 0.1)"
    assert found[2]["because"] == "neutral is rare: 0.60% of the predictions"
    assert found[3]["because"] == "negative has become frequent: 19.88% of the predictions, 0.00% before"
    every = await pages(client, limit=50, time_window_minutes=60)
    assert set(ids(every, "rare_label")) == {one.prediction_id for one in rare}
    assert set(ids(every, "drifting_label")) == {one.prediction_id for one in grown}
    assert ids(every, "disagreement") == [one.prediction_id for one in reversed(usual[300:310])]


async def test_inputs_that_were_seldom_so_before(client: httpx.AsyncClient, database: Database) -> None:
    await register(database, "lexicon", input_names=["age", "plan"])
    before = [row(minutes_ago=100, input_bins=(1, 0)) for _ in range(100)]
    now = [row(input_bins=(1, 0)) for _ in range(60)]
    moved = [row(input_bins=(1, -1)) for _ in range(40)]
    await insert(database, [*before, *now, *moved])
    connection = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    while await connection.fetchval("SELECT metrics.count_inputs(1000)"):
        pass
    await connection.close()
    found = [one for one in await pages(client, limit=100, time_window_minutes=60) if one["reason"] == "drifting_input"]
    assert found
    assert set(ids(found)) <= {one.prediction_id for one in moved}
    assert found[0]["because"] == "its input plan is missing: 40.00% of the predictions, 0.00% before"


async def test_values_that_are_far_from_the_shadows(client: httpx.AsyncClient, database: Database) -> None:
    rows = [row(label=None, confidence=None, value=float(number), task_type="regression") for number in range(30)]
    await insert(database, rows)
    await disagree(database, rows, prediction_label=None, agrees=None)
    found = await pages(client, limit=9)
    assert ids(found) == [one.prediction_id for one in rows[:9:-1]], "the twenty furthest apart"
    assert found[0]["because"] == "2.0.0 in the shadow says something else (distance 0.3)"


async def test_nothing_comes_twice_whatever_happens_between_pages(
    client: httpx.AsyncClient, database: Database
) -> None:
    """New predictions, feedback, shadows and erasures while somebody goes through the pages."""
    seed = random.randrange(2**32)
    print("seed", seed)
    rng = random.Random(seed)
    rows = [
        row(minutes_ago=rng.uniform(1, 50), confidence=rng.random(), label=rng.choice(["positive"] * 9 + ["neutral"]),
            input_length=rng.randrange(40))
        for _ in range(500)
    ]  # fmt: skip
    await insert(database, rows)
    await register(database, "lexicon")
    await disagree(database, rng.sample(rows, 50))
    one = await page(client, limit=10)
    seen = ids(one["entries"])
    while one["next_cursor"]:
        judged = rng.choice(rows).prediction_id
        given = await client.post("/feedback", json={"prediction_id": str(judged), "label": "neutral"})
        assert given.status_code in {200, 201, 404}, "404: erased before"
        await insert(database, [row(minutes_ago=rng.uniform(0, 50), confidence=rng.random()) for _ in range(5)])
        (erased,) = rng.sample(rows, 1)
        (await client.delete(f"/predictions/{erased.prediction_id}")).raise_for_status()
        late = row(minutes_ago=3, confidence=rng.random(), label="neutral")
        await insert(database, [late])
        await disagree(database, [late])
        one = await page(client, limit=10, cursor=one["next_cursor"])
        assert judged not in ids(one["entries"])
        assert erased.prediction_id not in ids(one["entries"])
        seen += ids(one["entries"])
    assert len(seen) == len(set(seen)) > 80


async def test_what_is_alike_is_one_and_known_when_one_of_it_is(client: httpx.AsyncClient, database: Database) -> None:
    texts = ["So so.", "so  SO", "so, so!", "Quite good.", "quite good", "Bad"]
    rows = [row(confidence=0.5 + number / 100) for number in range(6)]
    same = [row(confidence=0.123, input_length=9, minutes_ago=number) for number in range(1, 4)]
    await insert(database, [*rows, *same])
    await register(database, "lexicon")
    for one, text in zip(rows, texts, strict=True):
        await database.fetch(
            "UPDATE predictions.prediction SET text = $1 WHERE prediction_id = $2", text, one.prediction_id
        )
    found = ids(await pages(client, limit=1))
    assert found[0] in {one.prediction_id for one in same}, "nothing stored: what the model says is all the same"
    assert found[1:] == [rows[0].prediction_id, rows[3].prediction_id, rows[5].prediction_id]
    given = {"prediction_id": str(rows[2].prediction_id), "label": "neutral"}
    (await client.post("/feedback", json=given)).raise_for_status()
    assert ids(await pages(client, limit=1))[1:] == [rows[3].prediction_id, rows[5].prediction_id]


async def test_only_what_is_asked_for(client: httpx.AsyncClient, database: Database) -> None:
    new, old = row(model_version="2.0.0"), row(minutes_ago=120)
    await insert(database, [new, old, row(model_name="other"), row(minutes_ago=3000)])
    assert set(ids((await page(client))["entries"])) == {new.prediction_id, old.prediction_id}
    assert ids((await page(client, model_version="2.0.0"))["entries"]) == [new.prediction_id]
    until = (NOW - timedelta(hours=1)).isoformat()
    found = await page(client, time_window_minutes=90, until=until)
    assert ids(found["entries"]) == [old.prediction_id]
    assert found["looked_at"]["predictions"] == 1
    assert (await page(client, time_window_minutes=1, until=until))["entries"] == []
    for end in (EARLIEST_WINDOW_END, LATEST_WINDOW_END):
        assert (await page(client, until=end.isoformat()))["entries"] == []


async def test_only_the_newest_are_looked_through(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewer, "LOOKED_THROUGH", 10)
    rows = [row(minutes_ago=number, confidence=0.9 - number / 100) for number in range(1, 41)]
    await insert(database, rows)
    found = await page(client)
    assert ids(found["entries"]) == [one.prediction_id for one in rows[9::-1]]
    assert found["looked_at"]["predictions"] == 10
    older = await page(client, until=found["looked_at"]["since"])
    assert ids(older["entries"]) == [one.prediction_id for one in rows[19:9:-1]]


async def test_bad_questions_are_refused(client: httpx.AsyncClient, database: Database) -> None:
    await insert(database, [row(confidence=number / 10) for number in range(9)])
    cursor = (await page(client, limit=2))["next_cursor"]
    asked = {"model_name": "lexicon"}
    for wrong, location in [
        ({}, "query.model_name"),
        (asked | {"limit": 201}, "query.limit"),
        (asked | {"time_window_minutes": 0}, "query.time_window_minutes"),
        (asked | {"cursor": "nonsense"}, "query.cursor"),
        (asked | {"cursor": cursor[:-5]}, "query.cursor"),
        (asked | {"cursor": cursor, "time_window_minutes": 7}, "query.cursor"),
        (asked | {"cursor": cursor, "model_version": "1.0.0"}, "query.cursor"),
    ]:
        answer = await client.get(REVIEW, params=wrong)
        assert (answer.status_code, answer.json()["errors"][0]["location"]) == (422, location), answer.text
    assert (await client.get(REVIEW, params={"model_name": "nobody"})).status_code == 404
    assert (await client.get(REVIEW, params=asked, headers={"Authorization": "Bearer nobody"})).status_code == 401
    assert (await client.get(f"/predictions/{uuid4()}")).status_code == 404, "the record keeps its paths"


@pytest.mark.parametrize("path", [REVIEW, "/predictions/export"])
async def test_what_can_only_be_read_is_not_taken_for_an_id(client: httpx.AsyncClient, path: str) -> None:
    answer = await client.delete(path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD"), answer.text
    assert (await client.put(path)).status_code == 405


async def test_a_postgres_that_takes_too_long_is_not_waited_for(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reviewer, "STATEMENT_MILLISECONDS", 200)
    await insert(database, [row()])
    await page(client)
    busy = await asyncpg.connect(for_libpq(database.url("postgres")))
    async with busy.transaction():
        await busy.execute("LOCK TABLE predictions.shadow IN ACCESS EXCLUSIVE MODE")
        answer = await client.get(REVIEW, params={"model_name": "lexicon"})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2"), answer.text
    await busy.close()
    await page(client)
