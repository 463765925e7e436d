"""What was erased while it waited in a journal, or was stored before, is not recorded by a replay."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import httpx
from uuid_utils import uuid7

from prediction_service.records.addition import Addition
from prediction_service.records.postgres import RecordStore
from prediction_service.records.record import Record
from shared.database.connection import Connector
from shared.http.caller import caller_digest
from shared.testing.postgres import Database

ALICE, BOB = caller_digest("192.0.2.1"), caller_digest("192.0.2.2")


def record(caller: str | None = None, model: str = "m", at: datetime | None = None) -> Record:
    return Record(
        str(uuid7()), at or datetime.now(UTC), model, "1.0.0", "classification", "good", 0.5, 1.0, 7, {}, caller=caller
    )


async def erase(database: Database, *, caller: str | None = None, model: str | None = None, one: Record | None = None):
    await database.fetch(
        "INSERT INTO predictions.erasure (prediction_id, caller, model_name, until) VALUES ($1, $2, $3, now())",
        one and one.prediction_id, caller, model,
    )  # fmt: skip


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
    await erase(database, one=erased)
    await erase(database, caller=ALICE, model="m")
    records = [erased, kept, of_alice, of_bob, of_alice_elsewhere, later]
    await replay(database, [Addition([one]) for one in records])
    expected = {one.prediction_id for one in (kept, of_bob, of_alice_elsewhere, later)}
    assert await on_record(database) == expected
    await erase(database, caller=ALICE)
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
