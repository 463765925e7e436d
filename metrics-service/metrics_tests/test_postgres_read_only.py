"""A Postgres that takes no writes, or lets nobody in, is away: 503 until it is well, and right again within seconds."""

import asyncio
import time

import httpx

from metrics_tests.rows import Row, insert
from metrics_tests.service import client_of, settings_for
from shared.testing.postgres import Database, PostgresServer

RIGHT_AGAIN_SECONDS = 5.0


async def until_answered(client: httpx.AsyncClient) -> float:
    """Seconds until a write is answered; anything but 200 and 503 fails the test."""
    began = time.monotonic()
    while (answer := await write(client)).status_code != 200:
        assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.02)
    return time.monotonic() - began


async def write(client: httpx.AsyncClient) -> httpx.Response:
    return await client.put("/metrics/thresholds", json={"max_inference_time_warning_ms": 201})


def assert_away(answer: httpx.Response) -> None:
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "urn:problem-type:database-away"
    assert int(answer.headers["retry-after"]) > 0


async def test_while_postgres_takes_no_writes_changes_are_503_health_says_so_and_it_is_soon_over(
    client: httpx.AsyncClient, database: Database, postgres_server: PostgresServer
) -> None:
    (prediction_id,) = await insert_one(database)
    await asyncio.gather(*(client.get("/metrics/count") for _ in range(10)))  # ten connections to the server as it was
    await postgres_server.execute("ALTER SYSTEM SET default_transaction_read_only = on")
    await postgres_server.execute("SELECT pg_reload_conf()")
    try:
        await until_read_only(database)
        feedback = {"prediction_id": prediction_id, "label": "positive"}
        for answer in await asyncio.gather(*(write(client) for _ in range(10))):
            assert_away(answer)
        assert_away(await client.post("/feedback", json=feedback))
        health = await client.get("/health")
        assert health.status_code == 503
        assert health.json()["components"]["postgres"]["detail"] == "takes no writes"
    finally:
        await postgres_server.execute("ALTER SYSTEM RESET default_transaction_read_only")
        await postgres_server.execute("SELECT pg_reload_conf()")
    assert await until_answered(client) < RIGHT_AGAIN_SECONDS
    assert (await client.post("/feedback", json=feedback)).status_code == 200
    assert (await client.get("/health")).status_code == 200


async def insert_one(database: Database) -> list[str]:
    await insert(database, [Row(confidence=0.8)])
    return [
        str(row["prediction_id"]) for row in await database.fetch("SELECT prediction_id FROM predictions.prediction")
    ]


async def until_read_only(database: Database) -> None:
    async with asyncio.timeout(10):
        while (await database.fetch("SHOW default_transaction_read_only"))[0][0] != "on":
            await asyncio.sleep(0.02)


async def test_a_wrong_password_is_503_and_health_says_so(database: Database) -> None:
    url = database.url("metrics_service").get_secret_value().replace(database.server.password, "wrong")
    async with client_of(settings_for(database, database_url=url)) as client:
        assert_away(await client.get("/metrics/count"))
        assert_away(await write(client))
        health = await client.get("/health")
    assert health.json()["components"]["postgres"]["detail"] == "the login is refused"
    assert "metrics_service" not in health.text.replace("metrics-service", "")


async def test_a_missing_database_is_503_and_health_says_so(database: Database) -> None:
    url = database.url("metrics_service").get_secret_value().replace(database.name, "nowhere")
    async with client_of(settings_for(database, database_url=url)) as client:
        assert_away(await client.post("/metrics/aggregated", json={}))
        health = await client.get("/health")
    assert health.json()["components"]["postgres"]["detail"] == "the database does not exist"
    assert "nowhere" not in health.text


async def test_a_database_that_is_closed_for_a_while_is_503_meanwhile(
    client: httpx.AsyncClient, database: Database
) -> None:
    """As an operator does it: no connections allowed, those that there are ended (53300 and 57P01 to us)."""
    assert (await write(client)).status_code == 200
    await database.server.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS false")
    ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'metrics_service'"
    await database.server.execute(ended)
    assert_away(await write(client))
    assert_away(await client.get("/metrics/count"))
    await database.server.execute(f"ALTER DATABASE {database.name} ALLOW_CONNECTIONS true")
    assert await until_answered(client) < RIGHT_AGAIN_SECONDS


async def test_a_role_that_has_no_connection_left_is_503(client: httpx.AsyncClient, database: Database) -> None:
    await database.server.execute("ALTER ROLE metrics_service CONNECTION LIMIT 0")
    try:
        assert_away(await client.get("/metrics/count"))
    finally:
        await database.server.execute("ALTER ROLE metrics_service CONNECTION LIMIT -1")
    assert await until_answered(client) < RIGHT_AGAIN_SECONDS
