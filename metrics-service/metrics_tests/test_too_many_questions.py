"""More questions than connections: those beyond are told so; the database is not away, and the leader goes on."""

import asyncio

import asyncpg
import httpx
import structlog
from prometheus_client import REGISTRY

from shared.testing.postgres import Database

CONNECTIONS = 10


async def until_leading() -> None:
    async with asyncio.timeout(10):
        while REGISTRY.get_sample_value("metrics_leading") != 1:
            await asyncio.sleep(0.02)


async def test_an_exhausted_pool_is_overload_and_not_an_absent_database(
    client: httpx.AsyncClient, database: Database
) -> None:
    await until_leading()
    overloads = REGISTRY.get_sample_value("metrics_store_overloads_total") or 0
    connection = await asyncpg.connect(database.url().get_secret_value())
    holding = connection.transaction()
    await holding.start()
    await connection.execute("LOCK TABLE metrics.audit IN ACCESS EXCLUSIVE MODE")
    with structlog.testing.capture_logs() as lines:
        questions = [asyncio.create_task(client.get("/metrics/audit")) for _ in range(3 * CONNECTIONS)]
        async with asyncio.timeout(10):
            while sum(question.done() for question in questions) < 2 * CONNECTIONS:
                health = await client.get("/health")
                assert (health.status_code, health.json()["status"]) == (200, "ok")
                await asyncio.sleep(0.1)
        await holding.rollback()
        await connection.close()
        answers = await asyncio.gather(*questions)
    refused = [answer for answer in answers if answer.status_code == 503]
    assert [answer.status_code for answer in answers].count(200) == CONNECTIONS
    assert len(refused) == 2 * CONNECTIONS
    for answer in refused:
        assert answer.json()["type"].endswith("#temporary-reduced-capacity")
        assert int(answer.headers["retry-after"]) > 0
    assert not [line for line in lines if line["event"] in ("database away", "leadership lost", "postgres is away")]
    assert REGISTRY.get_sample_value("metrics_leading") == 1
    assert REGISTRY.get_sample_value("metrics_store_overloads_total") == overloads + 2 * CONNECTIONS
    assert (await client.get("/metrics/audit")).status_code == 200
