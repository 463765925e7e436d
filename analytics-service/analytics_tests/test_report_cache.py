"""How long a report is answered, and as what. Ages are changed in Redis, so nobody waits for them."""

import asyncio

import redis

from analytics_service.testing.gemini_emulator import FINDINGS, GeminiEmulator, failing, reporting, slow
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.service import analyze, client_of, settings_for
from shared.testing.admin import ADMIN
from shared.testing.redis import RedisServer

TTL_MS, GRACE_MS = 300_000, 300_000
NEWER = FINDINGS | {"summary": "A newer report."}


def only(server: redis.Redis, pattern: str) -> str:
    (name,) = server.keys(pattern)
    return name


def age(server: RedisServer, milliseconds: int) -> None:
    """Makes the one cached report older."""
    with server.client() as client:
        client.pexpire(only(client, "analysis:report:*"), TTL_MS + GRACE_MS - milliseconds)


async def test_a_report_is_fresh_for_its_ttl_and_says_its_age(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client)
        age(redis_server, TTL_MS - 10_000)
        answer = await analyze(client)
    assert answer.headers["x-cache"] == "HIT"
    assert int(answer.headers["age"]) in range(290, 300)


async def test_within_the_grace_the_old_report_is_answered_at_once_and_one_new_one_is_made(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client)
        age(redis_server, TTL_MS + 1000)
        gemini.behave(slow(0.3, reporting(NEWER)))
        stale = await asyncio.gather(*(analyze(client) for _ in range(20)))
        assert {answer.headers["x-cache"] for answer in stale} == {"STALE"}
        assert {answer.json()["summary"] for answer in stale} == {FINDINGS["summary"]}
        while (answer := await analyze(client)).headers["x-cache"] == "STALE":
            await asyncio.sleep(0.02)
    assert answer.headers["x-cache"] == "HIT"
    assert answer.json()["summary"] == "A newer report."
    assert len(gemini.calls) == 2


async def test_after_the_grace_the_report_is_gone(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client)
        age(redis_server, TTL_MS + GRACE_MS)
        gemini.behave(reporting(NEWER))
        answer = await analyze(client)
    assert answer.headers["x-cache"] == "MISS"
    assert answer.json()["summary"] == "A newer report."


async def test_an_entry_of_another_schema_is_a_miss(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client)
        with redis_server.client() as behind:
            behind.set(only(behind, "analysis:report:*"), '{"schema_version": 0, "text": "old"}', keepttl=True)
        assert (await analyze(client)).headers["x-cache"] == "MISS"
        assert (await analyze(client)).headers["x-cache"] == "HIT"


async def test_a_fallback_is_cached_briefly_so_that_an_outage_is_not_hammered(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    gemini.behave(failing(403, "PERMISSION_DENIED"))
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        first, second = await analyze(client), await analyze(client)
        assert (first.json()["source"], first.json()["fallback_reason"]) == ("rules", "gemini_forbidden")
        assert second.headers["x-cache"] == "HIT"
        assert len(gemini.calls) == 1
        with redis_server.client() as behind:
            name = only(behind, "analysis:report:*")
            behind.pexpire(name, GRACE_MS - 1)
        gemini.behave(reporting())
        assert (await analyze(client)).headers["x-cache"] == "STALE"
        while (await analyze(client)).json()["source"] != "gemini":
            await asyncio.sleep(0.02)
    assert len(gemini.calls) == 2


async def test_without_a_key_a_report_is_never_answered_stale(
    redis_server: RedisServer, metrics: MetricsEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics)) as client:
        await analyze(client)
        assert (await analyze(client)).headers["x-cache"] == "HIT"
        with redis_server.client() as behind:
            name = only(behind, "analysis:report:*")
            assert behind.pttl(name) <= 15_000
            behind.pexpire(name, 1)
            while behind.exists(name):
                pass
        assert (await analyze(client)).headers["x-cache"] == "MISS"


async def test_replicas_share_the_cache(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    settings = settings_for(redis_server, metrics, gemini)
    async with client_of(settings) as one, client_of(settings) as other:
        first, second = await analyze(one), await analyze(other)
    assert second.headers["x-cache"] == "HIT"
    assert first.content == second.content


async def test_operators_see_what_is_cached_and_empty_it(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client)
        await analyze(client, time_window_minutes=5, model_name="sentiment")
        reports = (await client.get("/analyze/cache", headers=ADMIN)).json()["reports"]
        assert sorted(report["query"]["time_window_minutes"] for report in reports) == [5, 60]
        assert {report["source"] for report in reports} == {"gemini"}
        assert all(report["fresh"] and report["age_seconds"] < 5 for report in reports)
        assert len((await client.get("/analyze/cache?limit=1", headers=ADMIN)).json()["reports"]) == 1
        assert (await client.delete("/analyze/cache", headers=ADMIN)).json() == {"cleared": 2}
        assert (await client.get("/analyze/cache", headers=ADMIN)).json() == {"reports": []}
        assert (await analyze(client)).headers["x-cache"] == "MISS"


async def test_a_question_asked_many_times_a_second_shares_its_lookups(
    redis_server: RedisServer, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for(redis_server, metrics, gemini)) as client:
        await analyze(client)
        metrics.queries.clear()
        for _ in range(100):
            assert (await analyze(client)).headers["x-cache"] == "HIT"
    assert 10 <= len(metrics.queries) < 50
