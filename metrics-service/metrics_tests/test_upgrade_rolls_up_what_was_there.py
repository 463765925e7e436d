"""A database with predictions from before the rollups keeps them, counted."""

import asyncpg
from sqlalchemy import text

from metrics_tests.rows import Row, insert_over
from shared.database.engine import create_engine
from shared.database.migrate import upgrade
from shared.database.roles import ensure_roles
from shared.database.service_roles import SERVICE_ROLES
from shared.testing.postgres import Database, PostgresServer


async def test_predictions_from_before_the_rollups_are_counted(postgres_server: PostgresServer) -> None:
    name = "from_before"
    await postgres_server.execute(f"CREATE DATABASE {name}")
    database = Database(postgres_server, name)
    engine = create_engine(database.url(), "test", pool_size=1)
    try:
        async with engine.begin() as connection:
            await ensure_roles(connection, dict.fromkeys(SERVICE_ROLES, postgres_server.password))
            await connection.run_sync(upgrade, "0002")
        before = await asyncpg.connect(postgres_server.url(name))
        await insert_over(before, [Row(), Row(label="negative")])
        await before.close()
        async with engine.begin() as connection:
            await connection.run_sync(upgrade)
        async with engine.connect() as connection:
            count = text("SELECT count(*) FROM predictions.prediction")
            sums = text("SELECT minutes, sum(predictions)::int FROM metrics.rollup GROUP BY 1 ORDER BY 1")
            assert await connection.scalar(count) == 2
            assert (await connection.execute(sums)).all() == [(1, 2), (10, 2), (60, 2), (360, 2), (1440, 2)]
            in_default = text("SELECT count(*) FROM predictions.prediction_default")
            assert await connection.scalar(in_default) == 0
    finally:
        await engine.dispose()
        await postgres_server.drop_database(name)
