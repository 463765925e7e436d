"""The oldest released schema, with data in it, becomes the newest: everything is there, counted, and still judged."""

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from shared.database.engine import create_engine
from shared.database.migrate import MIGRATIONS, migrate, upgrade
from shared.database.roles import ensure_roles
from shared.database.schema_version import NEWEST_REVISION, REVISION_QUERY
from shared.database.service_roles import SERVICE_ROLES
from shared.testing.postgres import Database, PostgresServer

OLDEST = "0001"
PREDICTIONS = 500
DAYS = 40
"""Some are older than raw rows are kept, so that they are in no partition of their own."""

INSERT_PREDICTION = """
INSERT INTO predictions.prediction (prediction_id, created_at, model_name, model_version, task_type, prediction_label,
    confidence, inference_time_ms, input_length, metrics_data, text)
VALUES ($1, $2, $3, '1.0.0', 'classification', $4, $5, $6, $7, '{"batch_rows": 1}', $8)
"""
INSERT_THRESHOLDS = """
INSERT INTO metrics.threshold_profile (model_name, min_confidence_warning, min_confidence_critical,
    max_inference_time_warning_ms, max_inference_time_critical_ms, version)
VALUES ('', 0.7, 0.5, 210, 510, 3), ('a', 0.65, 0.45, 220, 520, 2)
"""
RAW = """
SELECT count(*), sum(confidence::numeric), max(inference_time_ms), count(text), count(DISTINCT prediction_id) FROM {}
"""
TRIES_TO_LOCK = """
SELECT count(*) > 0 FROM pg_locks JOIN pg_database ON pg_database.oid = database
WHERE datname = $1 AND mode = 'AccessExclusiveLock' AND NOT granted
"""
WRITERS_GIVE_UP_SECONDS = 2.0
"""After so long a prediction-service takes Postgres for away."""

PROFILES = "SELECT model_name, min_confidence_warning, version FROM metrics.threshold_profile ORDER BY 1"
REVISIONS = [script.revision for script in ScriptDirectory(str(MIGRATIONS)).walk_revisions()][::-1]


async def fill(connection: asyncpg.Connection, seed: int) -> None:
    """Predictions over many days, of two models, and thresholds, as the oldest release wrote them."""
    rng, now = random.Random(seed), datetime.now(UTC)
    rows = [
        (
            uuid4(),
            now - timedelta(days=rng.uniform(0, DAYS)),
            rng.choice("ab"),
            rng.choice(["positive", "negative"]),
            rng.random(),
            rng.uniform(0, 900),
            rng.randrange(1, 10_000),
            rng.choice([None, "a text"]),
        )
        for _ in range(PREDICTIONS)
    ]
    await connection.executemany(INSERT_PREDICTION, rows)
    await connection.execute(INSERT_THRESHOLDS)


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "release by release"])
async def test_the_oldest_schema_with_data_in_it_is_upgraded(postgres_server: PostgresServer, at_once: bool) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    name = "oldest_at_once" if at_once else "oldest_stepwise"
    database = Database(postgres_server, name)
    await postgres_server.execute(f"CREATE DATABASE {name}")
    passwords = dict.fromkeys(SERVICE_ROLES, postgres_server.password)
    engine = create_engine(database.url(), "test", pool_size=1)
    async with engine.begin() as connection:
        await ensure_roles(connection, passwords)
        await connection.run_sync(upgrade, OLDEST)
    old = await asyncpg.connect(postgres_server.url(name))
    await fill(old, seed)
    rows, profiles = await old.fetch(RAW.format("predictions.prediction")), await old.fetch(PROFILES)
    await old.close()

    for revision in [] if at_once else REVISIONS[1:]:
        async with engine.begin() as connection:
            await connection.run_sync(upgrade, revision)
    await engine.dispose()
    await migrate(database.url(), passwords)
    await migrate(database.url(), passwords)  # once more changes nothing

    assert [row[0] for row in await database.fetch(REVISION_QUERY)] == [NEWEST_REVISION]
    assert await database.fetch(RAW.format("predictions.prediction")) == rows
    assert await database.fetch(PROFILES) == profiles
    rolled_up = await database.fetch("SELECT sum(predictions)::int AS n FROM metrics.rollup WHERE minutes = 60")
    assert rolled_up[0]["n"] == PREDICTIONS
    await write_as_today(postgres_server, name)
    assert (await database.fetch("SELECT count(*) FROM predictions.prediction"))[0][0] == PREDICTIONS + 1
    await postgres_server.drop_database(name)


async def write_as_today(server: PostgresServer, name: str) -> None:
    """The role of the prediction-service can go on."""
    service = await asyncpg.connect(server.url(name, "prediction_service"))
    await service.execute(INSERT_PREDICTION, uuid4(), datetime.now(UTC), "a", "positive", 0.5, 1.0, 1, None)
    await service.close()


@pytest.mark.parametrize("since", ["0010", "0032"])
async def test_whoever_reads_for_long_makes_the_upgrade_wait_and_no_writer(
    postgres_server: PostgresServer, since: str
) -> None:
    """Of migrations that change the table of predictions: a writer that waits behind one would answer nobody."""
    name = "while_somebody_reads"
    database = Database(postgres_server, name)
    await postgres_server.execute(f"CREATE DATABASE {name}")
    passwords = dict.fromkeys(SERVICE_ROLES, postgres_server.password)
    engine = create_engine(database.url(), "test", pool_size=1)
    async with engine.begin() as connection:
        await ensure_roles(connection, passwords)
        await connection.run_sync(upgrade, since)
    await engine.dispose()
    reader = await asyncpg.connect(postgres_server.url(name))
    reading = reader.transaction()
    await reading.start()
    await reader.fetch(RAW.format("predictions.prediction"))

    upgrading = asyncio.create_task(migrate(database.url(), passwords))
    while not (await database.fetch(TRIES_TO_LOCK, name))[0][0]:
        assert not upgrading.done()
    longest = 0.0
    for _ in range(30):
        began = time.monotonic()
        await write_as_today(postgres_server, name)
        longest = max(longest, time.monotonic() - began)
    assert not upgrading.done(), "the reader still holds its lock"
    await reading.rollback()
    await upgrading

    assert longest < WRITERS_GIVE_UP_SECONDS
    assert [row[0] for row in await database.fetch(REVISION_QUERY)] == [NEWEST_REVISION]
    rolled_up = await database.fetch("SELECT sum(predictions)::int AS n FROM metrics.rollup WHERE minutes = 60")
    assert rolled_up[0]["n"] == 30
    await reader.close()
    await postgres_server.drop_database(name)
