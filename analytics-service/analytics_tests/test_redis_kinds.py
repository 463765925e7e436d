"""Redis with TLS, with sentinels and as a cluster: the same reports, one call, one quota, one ledger, and failover."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.service import analyze, client_of, settings_for_redis_url
from shared.testing.admin import ADMIN
from shared.testing.redis_servers import RedisClusterServers, SentinelGroup, TlsRedis

FAILOVER_SECONDS = 20.0
"""The servers agree on a new master within a few of them."""


@pytest.fixture(scope="module")
def tls_redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsRedis]:
    server = TlsRedis(tmp_path_factory.mktemp("tls"))
    server.start_and_wait()
    yield server
    server.kill()


@pytest.fixture
def sentinels(tmp_path: Path) -> Iterator[SentinelGroup]:
    group = SentinelGroup(tmp_path)
    try:
        group.start_and_wait()
        yield group
    finally:
        group.stop()


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisClusterServers]:
    servers = RedisClusterServers(tmp_path)
    try:
        servers.start_and_wait()
        yield servers
    finally:
        servers.stop()


@pytest.fixture(params=["tls", "sentinel", "cluster"])
def chosen(request: pytest.FixtureRequest) -> dict[str, object]:
    """Settings that lead to each kind."""
    if request.param == "tls":
        server = request.getfixturevalue("tls_redis")
        with server.client() as client:
            client.flushall()
        folder = server.certificates
        return {
            "redis_url": server.url,
            "redis_tls_ca_file": folder / "ca.pem",
            "redis_tls_certificate_file": folder / "certificate.pem",
            "redis_tls_key_file": folder / "key.pem",
        }
    if request.param == "sentinel":
        group = request.getfixturevalue("sentinels")
        return {"redis_url": group.url, "redis_sentinel_password": group.sentinel_password}
    return {"redis_url": request.getfixturevalue("cluster").url}


async def test_a_report_is_made_once_found_listed_counted_and_cleared(
    chosen: dict[str, object], metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    settings = settings_for_redis_url(metrics, gemini, redis_timeout_seconds=5, **chosen)  # on a busy machine, too
    async with client_of(settings) as one, client_of(settings) as other:
        assert (await one.get("/health")).json()["components"]["redis"]["status"] == "ok"
        answers = await asyncio.gather(*(analyze(client) for client in (one, other) for _ in range(20)))
        assert {answer.json()["source"] for answer in answers} == {"gemini"}
        assert len(gemini.calls) == 1
        assert (await analyze(other)).headers["x-cache"] == "HIT"
        for minutes in (5, 10, 15, 20):  # in a cluster these are on different servers
            assert (await analyze(one, time_window_minutes=minutes)).json()["source"] == "gemini"
            assert (await analyze(other, time_window_minutes=minutes)).headers["x-cache"] == "HIT"
        quota = (await one.get("/analyze/quota", headers=ADMIN)).json()
        assert quota["quota"]["used"] == 5
        cached = (await one.get("/analyze/cache", headers=ADMIN)).json()
        assert len(cached["reports"]) == 5
        cleared = await other.delete("/analyze/cache", headers=ADMIN)
        assert cleared.json() == {"cleared": 5}
        assert (await analyze(other)).headers["x-cache"] == "MISS"


async def until_gemini_reports(client, **query: object) -> float:
    """Seconds until a report is Gemini's again; until then it is made by rules."""
    began = time.monotonic()
    while (answer := await analyze(client, **query)).json()["source"] != "gemini":
        assert answer.status_code == 200
        assert answer.json()["fallback_reason"] == "redis_away"
        assert time.monotonic() - began < FAILOVER_SECONDS
        await asyncio.sleep(0.05)
    return time.monotonic() - began


async def test_sentinels_name_another_master_and_it_is_used(
    sentinels: SentinelGroup, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    settings = settings_for_redis_url(
        metrics, gemini, redis_url=sentinels.url, redis_sentinel_password=sentinels.sentinel_password
    )
    async with client_of(settings) as client:
        assert (await analyze(client)).json()["source"] == "gemini"
        sentinels.master.kill()
        health = (await client.get("/health")).json()
        assert (health["status"], health["components"]["redis"]["detail"]) == ("degraded", "not reachable")
        print(f"{await until_gemini_reports(client, time_window_minutes=30):.1f} s")
        assert (await client.get("/health")).json()["status"] == "ok"


async def test_a_cluster_replaces_a_master_and_its_replica_is_used(
    cluster: RedisClusterServers, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for_redis_url(metrics, gemini, redis_url=cluster.url)) as client:
        assert (await analyze(client)).json()["source"] == "gemini"
        cluster.masters()[0].kill()
        for minutes in range(20, 30):  # every server holds some of these
            await until_gemini_reports(client, time_window_minutes=minutes)
        assert (await client.get("/health")).json()["status"] == "ok"


async def test_a_server_that_somebody_else_vouches_for_is_not_believed(
    tls_redis: TlsRedis, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    async with client_of(settings_for_redis_url(metrics, gemini, redis_url=tls_redis.url)) as client:
        assert (await analyze(client)).json()["fallback_reason"] == "redis_away"
        assert (await client.get("/health")).json()["components"]["redis"]["status"] == "down"
    assert not gemini.calls
