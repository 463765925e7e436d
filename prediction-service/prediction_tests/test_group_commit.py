"""Every answer waits for its own commit, and commits are shared by all who wait."""

import asyncio

import asyncpg
import httpx
import pytest

from shared.database.urls import for_libpq
from shared.testing.postgres import Database


async def test_predictions_at_once_share_their_commits(client: httpx.AsyncClient, database: Database) -> None:
    answers = await asyncio.gather(*(client.post("/predict", json={"text": f"Day {n}."}) for n in range(200)))
    assert {answer.status_code for answer in answers} == {200}
    ((rows, transactions),) = await database.fetch(
        "SELECT count(*), count(DISTINCT xmin::text) FROM predictions.prediction"
    )
    assert rows == 200
    assert transactions < 50


async def test_no_answer_is_given_before_its_commit(client: httpx.AsyncClient, database: Database) -> None:
    connection = await asyncpg.connect(for_libpq(database.url()))
    transaction = connection.transaction()
    await transaction.start()
    await connection.execute("LOCK TABLE predictions.prediction IN EXCLUSIVE MODE")
    asked = asyncio.create_task(client.post("/predict", json={"text": "A fine day."}))
    while not await connection.fetchval("SELECT count(*) FROM pg_locks WHERE NOT granted"):
        await asyncio.sleep(0.01)
    assert not asked.done()
    await transaction.rollback()
    assert (await asked).status_code == 200
    await connection.close()
    assert len(await database.fetch("SELECT 1 FROM predictions.prediction")) == 1


async def test_a_connection_that_breaks_costs_no_request(client: httpx.AsyncClient, database: Database) -> None:
    for _ in range(3):
        assert (await client.post("/predict", json={"text": "A fine day."})).status_code == 200
        await database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'prediction-service'"
        )
    assert (await client.post("/predict", json={"text": "A fine day."})).status_code == 200
    assert len(await database.fetch("SELECT 1 FROM predictions.prediction")) == 4


async def test_the_services_role_may_insert_and_nothing_else(database: Database) -> None:
    connection = await asyncpg.connect(for_libpq(database.url("prediction_service")))
    try:
        for forbidden in (
            "SELECT * FROM predictions.prediction",
            "DELETE FROM predictions.prediction",
            "UPDATE predictions.prediction SET confidence = 1",
            "SELECT * FROM metrics.threshold_profile",
            "SELECT * FROM gateway.ingress_client",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)
    finally:
        await connection.close()
