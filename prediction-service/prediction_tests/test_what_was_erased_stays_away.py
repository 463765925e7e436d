"""What was erased comes back neither by a replay, nor by a shadow that is late, nor by a request that comes again."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import orjson
import pytest
from uuid_utils import uuid7

from prediction_service.records.addition import Addition, KeptResponse
from prediction_service.records.kept_responses import KeptResponses
from prediction_service.records.postgres import RecordStore
from prediction_service.records.record import Record
from prediction_service.shadows.store import ADD, ShadowStore
from shared.database.connection import Connector
from shared.database.urls import for_libpq
from shared.http.caller import caller_digest
from shared.testing.postgres import Database

ALICE, BOB = caller_digest("192.0.2.1"), caller_digest("192.0.2.2")


def record(caller: str | None = None, model: str = "m", at: datetime | None = None) -> Record:
    return Record(
        str(uuid7()), at or datetime.now(UTC), model, "1.0.0", "classification", "good", 0.5, 1.0, 7, {}, caller=caller
    )


async def note(
    database: Database, *, caller: str | None = None, model: str | None = None, one: Record | str | None = None
) -> int:
    """As the metrics-service does before it erases."""
    ((number,),) = await database.fetch(
        "INSERT INTO predictions.erasure (prediction_id, caller, model_name, until) VALUES ($1, $2, $3, now()) "
        "RETURNING erasure_id",
        one.prediction_id if isinstance(one, Record) else one, caller, model,
    )  # fmt: skip
    return number


async def erase(database: Database, number: int) -> None:
    """As the metrics-service does, over a connection of its own."""
    connection = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    try:
        await connection.fetch("SELECT predictions.erase($1, 2000)", number)
    finally:
        await connection.close()


async def on_record(database: Database) -> set[str]:
    return {str(row[0]) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction")}


async def replay(database: Database, additions: Sequence[Addition]) -> None:
    store = RecordStore(Connector(database.url("prediction_service"), "test"))
    await store.add_again(additions)
    store.disconnect()


async def test_a_replay_leaves_out_what_was_erased_and_nothing_else(database: Database) -> None:
    erased, kept = record(), record()
    of_alice, of_bob, of_alice_elsewhere = record(ALICE), record(BOB), record(ALICE, "other")
    later = record(ALICE, at=datetime.now(UTC) + timedelta(minutes=1))
    await note(database, one=erased)
    await note(database, caller=ALICE, model="m")
    records = [erased, kept, of_alice, of_bob, of_alice_elsewhere, later]
    await replay(database, [Addition([one]) for one in records])
    expected = {one.prediction_id for one in (kept, of_bob, of_alice_elsewhere, later)}
    assert await on_record(database) == expected
    await note(database, caller=ALICE)
    await replay(database, [Addition([record(ALICE, "other", of_alice.created_at)])])
    assert await on_record(database) == expected


async def test_the_record_has_a_digest_of_who_asked(client: httpx.AsyncClient, database: Database) -> None:
    for path, body in (("/predict", {"text": "a"}), ("/predict/batch", {"texts": ["a"]})):
        for headers in ({"X-Caller": "192.0.2.1"}, {}):
            (await client.post(path, json=body, headers=headers)).raise_for_status()
    rows = {"content-type": "text/csv", "x-caller": "192.0.2.2"}
    streamed = await client.post("/predict/batch", content="text\na fine day\n", headers=rows)
    assert streamed.status_code == 200, streamed.text
    found = await database.fetch("SELECT replace(caller::text, '-', '') FROM predictions.prediction ORDER BY 1")
    assert sorted(row[0] or "" for row in found) == sorted([ALICE, ALICE, "", "", BOB])


def kept_for(records: Sequence[Record], body: bytes) -> Addition:
    return Addition(records, KeptResponse(b"key", b"fingerprint", body))


async def response_under_the_key(database: Database) -> bytes | None:
    responses = KeptResponses(Connector(database.url("prediction_service"), "test"))
    responses.start()
    try:
        found = await responses.find(b"key")
        return found and found.body
    finally:
        await responses.end()


async def test_a_replay_brings_no_response_back_of_which_something_was_erased(database: Database) -> None:
    """A batch of which one row was erased by its caller's wish; the same line is replayed twice."""
    erased, other = record(ALICE), record(BOB)
    waiting = kept_for([erased, other], b"what was erased, and more")
    await note(database, caller=ALICE)
    for _ in range(2):
        await replay(database, [waiting])
        assert await on_record(database) == {other.prediction_id}
        assert await response_under_the_key(database) is None
    stored = await database.fetch("SELECT fingerprint, response FROM predictions.kept_response")
    assert [tuple(row) for row in stored] == [(b"", b"")], "nor does anything else tell what it was"

    later = record(ALICE, at=datetime.now(UTC) + timedelta(seconds=1))
    await replay(database, [kept_for([later], b"computed anew")])
    assert await response_under_the_key(database) == b"computed anew"
    await replay(database, [waiting])
    assert await response_under_the_key(database) == b"computed anew"
    assert await on_record(database) == {other.prediction_id, later.prediction_id}


@pytest.mark.parametrize("by", ["prediction", "caller"])
async def test_who_comes_again_after_an_erasure_is_answered_as_for_the_first_time(
    by: str, client: httpx.AsyncClient, database: Database
) -> None:
    body = {"texts": ["A fine day.", "A bad day."]}
    headers = {"Idempotency-Key": '"once"', "X-Caller": "192.0.2.1"}
    first = await client.post("/predict/batch", json=body, headers=headers)
    ids = [one["prediction_id"] for one in first.json()["predictions"]]
    number = await (note(database, one=ids[0]) if by == "prediction" else note(database, caller=ALICE))
    await erase(database, number)
    left = set(ids[1:]) if by == "prediction" else set()
    assert await on_record(database) == left
    again = await client.post("/predict/batch", json=body, headers=headers)
    assert again.status_code == 200
    assert "idempotent-replayed" not in again.headers
    anew = {one["prediction_id"] for one in again.json()["predictions"]}
    assert not anew & set(ids)
    assert await on_record(database) == left | anew
    assert (await client.post("/predict/batch", json=body, headers=headers)).content == again.content


def shadow_of(one: Record) -> dict:
    return {
        "prediction_id": one.prediction_id, "made_at": one.created_at, "model_name": one.model_name,
        "stable_version": "1.0.0", "candidate_version": "2.0.0", "started_at": one.created_at,
        "task_type": one.task_type, "stable_time_ms": 1.0,
    }  # fmt: skip


async def add_shadows(database: Database, *records: Record) -> int:
    store = ShadowStore(Connector(database.url("prediction_service"), "test"))
    try:
        return await store.add([shadow_of(one) for one in records])
    finally:
        store.disconnect()


async def shadows(database: Database) -> set[str]:
    return {str(row[0]) for row in await database.fetch("SELECT prediction_id FROM predictions.shadow")}


async def test_a_shadow_that_is_late_is_recorded_of_what_is_on_record_alone(database: Database) -> None:
    of_alice, of_bob, never = record(ALICE), record(BOB), record(BOB)
    await replay(database, [Addition([of_alice, of_bob])])
    await erase(database, await note(database, caller=ALICE))
    assert await add_shadows(database, of_alice, of_bob, never) == 1
    assert await shadows(database) == {of_bob.prediction_id}


async def test_a_shadow_of_what_is_just_being_erased_is_left_out_and_nobody_waits(database: Database) -> None:
    one, other = record(ALICE), record(BOB)
    await replay(database, [Addition([one, other])])
    number = await note(database, caller=ALICE)
    eraser = await asyncpg.connect(for_libpq(database.url("metrics_service")))
    async with eraser.transaction():
        await eraser.fetch("SELECT predictions.erase($1, 2000)", number)
        assert await add_shadows(database, one, other) == 1
    await eraser.close()
    assert await shadows(database) == {other.prediction_id}


async def test_who_erases_waits_for_a_shadow_that_is_just_being_recorded_and_erases_it(database: Database) -> None:
    one = record(ALICE)
    await replay(database, [Addition([one])])
    number = await note(database, caller=ALICE)
    writer = await asyncpg.connect(for_libpq(database.url("prediction_service")))
    async with writer.transaction():
        assert await writer.fetchval(ADD, orjson.dumps([shadow_of(one)]).decode()) == 1
        erasing = asyncio.create_task(erase(database, number))
        async with asyncio.timeout(30):
            while not await database.fetch("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'"):
                await asyncio.sleep(0.02)
    await erasing
    await writer.close()
    assert await on_record(database) == await shadows(database) == set()
