"""Postgres away: predictions are answered and on record in the journal, and follow to Postgres exactly once."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
import httpx

from prediction_tests.outage import recorded, until_replayed
from prediction_tests.service import StartService, assert_problem
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

TEXT = {"text": "A fine day."}


async def ask(client: httpx.AsyncClient, count: int) -> list[str]:
    """The ids of `count` predictions at once, all answered 200."""
    answers = await asyncio.gather(*(client.post("/predict", json=TEXT) for _ in range(count)))
    assert {answer.status_code for answer in answers} == {200}
    return [answer.json()["prediction_id"] for answer in answers]


async def test_answers_go_on_and_the_record_follows_exactly_once(
    start_service: StartService,
    tmp_path: Path,
    database: Database,
    postgres_away: Callable[[], Awaitable[None]],
) -> None:
    client = await start_service()
    ids = await ask(client, 50)
    health = await client.get("/health")
    assert health.status_code == 200
    assert health.json()["status"] == "degraded"
    assert health.json()["components"]["postgres"]["status"] == "down"
    assert "wait for postgres" in health.json()["components"]["journal"]["detail"]
    await postgres_away()
    await until_replayed(tmp_path / "journal")
    ids += await ask(client, 5)
    assert await recorded(database) == sorted(ids)
    assert (await client.get("/health")).json()["status"] == "ok"


async def test_a_torn_line_and_a_corrupt_one_cost_the_others_nothing(
    start_service: StartService,
    tmp_path: Path,
    database: Database,
    postgres_away: Callable[[], Awaitable[None]],
) -> None:
    client = await start_service()
    before, after = await ask(client, 1), await ask(client, 1)
    (segment,) = (tmp_path / "journal").glob("*.journal")
    first, second = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(first + b"0badc0de [corrupt]\n" + second + first[: len(first) // 2])
    await postgres_away()
    await until_replayed(tmp_path / "journal")
    assert await recorded(database) == sorted(before + after)
    assert (tmp_path / "journal" / "set-aside.lines").read_bytes() == b"0badc0de [corrupt]\n"


async def test_a_record_that_is_there_already_is_not_there_twice(
    start_service: StartService,
    tmp_path: Path,
    database: Database,
    postgres_away: Callable[[], Awaitable[None]],
) -> None:
    client = await start_service()
    ids = await ask(client, 10)
    (segment,) = (tmp_path / "journal").glob("*.journal")
    copy = segment.read_bytes()
    await postgres_away()
    await until_replayed(tmp_path / "journal")
    (tmp_path / "journal" / "00000000.journal").write_bytes(copy)
    await until_replayed(tmp_path / "journal")
    assert await recorded(database) == sorted(ids)


async def test_a_full_journal_is_a_503_that_says_so_and_ends_with_the_outage(
    start_service: StartService, tmp_path: Path, postgres_away: Callable[[], Awaitable[None]]
) -> None:
    client = await start_service(journal_max_bytes=65_536)
    batch = {"texts": ["A fine day."] * 100}
    answer = await client.post("/predict/batch", json=batch)
    while answer.status_code == 200:
        answer = await client.post("/predict/batch", json=batch)
    assert assert_problem(answer, 503)["type"] == "urn:problem-type:journal-full"
    assert answer.headers["retry-after"] == "5"
    while (await client.post("/predict", json=TEXT)).status_code == 200:
        pass
    assert (await client.get("/health")).status_code == 503
    await postgres_away()
    await until_replayed(tmp_path / "journal")
    assert (await client.post("/predict", json=TEXT)).status_code == 200


async def test_a_journal_that_cannot_be_written_is_a_503_and_health_is_down(
    start_service: StartService, tmp_path: Path, postgres_away: Callable[[], Awaitable[None]]
) -> None:
    (tmp_path / "file").write_text("not a folder")
    client = await start_service(journal_dir=tmp_path / "file")
    assert_problem(await client.post("/predict", json=TEXT), 503)
    assert (await client.get("/health")).status_code == 503


async def test_a_postgres_that_answers_nothing_is_away_and_what_it_was_given_is_there_once(
    start_service: StartService, tmp_path: Path, database: Database
) -> None:
    client = await start_service()
    ids = await ask(client, 1)
    connection = await asyncpg.connect(for_libpq(database.url()))
    async with connection.transaction():
        await connection.execute("LOCK TABLE predictions.prediction IN EXCLUSIVE MODE")
        ids += await ask(client, 3)
    await connection.close()
    await until_replayed(tmp_path / "journal")
    assert await recorded(database) == sorted(ids)
