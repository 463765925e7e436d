"""What the service does while Postgres does not answer."""

import asyncio
from uuid import uuid4

import httpx

from shared.testing.fixtures import PostgresServer


async def test_while_postgres_is_away_questions_are_503_and_afterwards_they_are_answered_again(
    client: httpx.AsyncClient, postgres_server: PostgresServer
) -> None:
    assert (await client.get("/health")).status_code == 200
    postgres_server.kill()
    try:
        for _ in range(2):
            answer = await client.post("/metrics/aggregated", json={})
            assert answer.status_code == 503
            assert answer.json()["type"] == "urn:problem-type:database-away"
            assert int(answer.headers["retry-after"]) > 0
        for path in ("/predictions", "/predictions/export", f"/predictions/{uuid4()}"):
            assert (await client.get(path)).status_code == 503
        assert (await client.put("/metrics/thresholds", json={"min_confidence_warning": 0.7})).status_code == 503
        health = await client.get("/health")
        assert health.status_code == 503
        assert health.json()["components"]["postgres"]["status"] == "down"
        assert "127.0.0.1" not in health.text
    finally:
        await asyncio.to_thread(postgres_server.start_and_wait)
    assert (await client.post("/metrics/aggregated", json={})).status_code == 200
    assert (await client.get("/health")).status_code == 200
