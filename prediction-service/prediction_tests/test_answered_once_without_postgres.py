"""Requests with a key while Postgres is away: the journal keeps their responses with their predictions."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx
import pytest

from prediction_tests.outage import recorded, until_replayed
from prediction_tests.service import StartService, client_of, settings_for
from prediction_tests.test_answered_once import TEXT, keyed
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

BringBack = Callable[[], Awaitable[None]]


async def ask(client: httpx.AsyncClient, headers: dict[str, str], text: str = TEXT["text"]) -> httpx.Response:
    return await client.post("/predict", json={"text": text}, headers=headers)


async def test_replicas_that_share_a_journal_answer_once_and_so_does_everybody_when_postgres_is_back(
    start_service: StartService, tmp_path: Path, database: Database, postgres_away: BringBack
) -> None:
    one, two = await start_service(), await start_service()
    other = await start_service(journal_dir=tmp_path / "elsewhere")
    headers = keyed()
    first = await ask(one, headers)
    assert first.status_code == 200
    for replica in (one, two, one):
        again = await ask(replica, headers)
        assert (again.content, again.headers["idempotent-replayed"]) == (first.content, "true")
    assert (await ask(two, headers, "Another day.")).status_code == 422
    at_once = keyed()
    answers = await asyncio.gather(*(ask(replica, at_once) for replica in (one, two) * 5))
    assert len({answer.content for answer in answers}) == 1
    await postgres_away()
    await until_replayed(tmp_path / "journal")
    for replica in (one, two, other):
        assert (await ask(replica, headers)).content == first.content
    assert await recorded(database) == sorted({first.json()["prediction_id"], answers[0].json()["prediction_id"]})


async def test_a_journal_that_waits_is_looked_into_by_who_comes_after_a_restart(
    database: Database, tmp_path: Path, postgres_away: BringBack
) -> None:
    settings, headers = settings_for(database, journal_dir=tmp_path / "journal"), keyed()
    async with client_of(settings) as client:
        first = await ask(client, headers)
    async with client_of(settings) as client:
        assert (await ask(client, headers)).content == first.content
        assert (await ask(client, keyed())).content != first.content
        await postgres_away()
        await until_replayed(tmp_path / "journal")
    assert len(await recorded(database)) == 2


async def test_a_journal_that_was_not_replayed_yet_is_looked_into_when_postgres_is_there(
    start_service: StartService, database: Database, tmp_path: Path, postgres_away: BringBack
) -> None:
    client, headers = await start_service(), keyed()
    first = await ask(client, headers)
    (segment,) = (tmp_path / "journal").glob("*.journal")
    copy = segment.read_bytes()
    await postgres_away()
    await until_replayed(tmp_path / "journal")
    await database.fetch("DELETE FROM predictions.kept_response")
    segment.write_bytes(copy)
    assert (await ask(client, headers)).content == first.content
    await until_replayed(tmp_path / "journal")
    assert (await ask(client, headers)).content == first.content
    assert await recorded(database) == [first.json()["prediction_id"]]


async def test_journals_that_know_nothing_of_each_other_lose_no_answer(
    start_service: StartService, tmp_path: Path, database: Database, postgres_away: BringBack
) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    replicas = [await start_service(journal_dir=folder) for folder in folders]
    headers = keyed()
    answers = [await ask(replica, headers) for replica in replicas]
    assert len({answer.content for answer in answers}) == 2
    await postgres_away()
    for folder in folders:
        await until_replayed(folder)
    assert await recorded(database) == sorted(answer.json()["prediction_id"] for answer in answers)
    later = {(await ask(replica, headers)).content for replica in replicas}
    assert len(later) == 1
    assert later <= {answer.content for answer in answers}


async def test_a_commit_of_which_nothing_was_heard_is_not_repeated(
    start_service: StartService, tmp_path: Path, database: Database
) -> None:
    client, headers = await start_service(), keyed()
    await ask(client, keyed())  # the connections are there
    connection = await asyncpg.connect(for_libpq(database.url()))
    async with connection.transaction():
        await connection.execute("LOCK TABLE predictions.prediction IN EXCLUSIVE MODE")
        first = await ask(client, headers)
        again = await ask(client, headers)
    await connection.close()
    assert first.content == again.content
    await until_replayed(tmp_path / "journal")
    assert (await ask(client, headers)).content == first.content
    assert len(await recorded(database)) == 2


@pytest.mark.parametrize("damage", [b"garbage\n", b'00000000 {"key": "00"}\n', b'0badc0de {"key": 1'])
async def test_damaged_lines_in_the_journal_cost_no_other_key_anything(
    start_service: StartService, tmp_path: Path, database: Database, postgres_away: BringBack, damage: bytes
) -> None:
    client, headers = await start_service(), keyed()
    first = await ask(client, headers)
    (tmp_path / "journal" / "00000000.journal").write_bytes(damage)
    assert (await ask(client, headers)).content == first.content
    await postgres_away()
    await until_replayed(tmp_path / "journal")
    assert await recorded(database) == [first.json()["prediction_id"]]
