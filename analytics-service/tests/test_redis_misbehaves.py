"""Redis full, read-only, loading, with another password: rules meanwhile, health says which, and it ends by itself."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from redis.exceptions import BusyLoadingError, ResponseError
from service import analyze, client_of, settings_for_redis_url

from analytics_service.redis_border import RedisTrouble, trouble_of
from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from shared.testing.admin import ADMIN
from shared.testing.redis_servers import DebianRedis


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DebianRedis]:
    server = DebianRedis(tmp_path)
    server.start_and_wait()
    yield server
    server.kill()


@pytest.fixture
async def client(
    server: DebianRedis, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> AsyncIterator[httpx.AsyncClient]:
    url = f"redis://:{server.password}@127.0.0.1:{server.port}"
    async with client_of(settings_for_redis_url(metrics, gemini, redis_url=url)) as client:
        yield client


@asynccontextmanager
async def trouble(client: httpx.AsyncClient, gemini: GeminiEmulator, detail: str) -> AsyncIterator[None]:
    """What holds while Redis is in trouble, and after the block has ended that."""
    before = len(gemini.calls)
    answer = await analyze(client, time_window_minutes=7)
    assert (answer.json()["source"], answer.json()["fallback_reason"]) == ("rules", "redis_away")
    async with asyncio.timeout(10):  # a server that loads does not always answer in time
        while (health := (await client.get("/health")).json())["components"]["redis"].get("detail") != detail:
            assert health["status"] == "degraded"
    assert len(gemini.calls) == before
    yield
    async with asyncio.timeout(30):
        while (await client.get("/health")).json()["status"] != "ok":
            await asyncio.sleep(0.02)
    assert (await analyze(client, time_window_minutes=7)).json()["source"] == "gemini"


async def test_full(client: httpx.AsyncClient, server: DebianRedis, gemini: GeminiEmulator) -> None:
    await analyze(client)
    with server.client() as redis:
        redis.config_set("maxmemory", 1)
        async with trouble(client, gemini, "full: it refuses writes"):
            assert (await analyze(client)).headers["x-cache"] == "HIT", "what is there can still be read"
            redis.config_set("maxmemory", 0)


async def test_read_only(client: httpx.AsyncClient, server: DebianRedis, gemini: GeminiEmulator) -> None:
    with server.client() as redis:
        redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        async with trouble(client, gemini, "takes no writes: it is a replica"):
            redis.execute_command("REPLICAOF", "NO", "ONE")


async def test_another_password(client: httpx.AsyncClient, server: DebianRedis, gemini: GeminiEmulator) -> None:
    with server.client() as redis:
        redis.config_set("requirepass", "another")
        redis.client_kill_filter(_type="normal", skipme=True)
        async with trouble(client, gemini, "the login is refused"):
            redis.config_set("requirepass", server.password)


async def test_no_password_any_more_is_no_trouble(client: httpx.AsyncClient, server: DebianRedis) -> None:
    with server.client() as redis:
        redis.config_set("requirepass", "")
        redis.client_kill_filter(_type="normal", skipme=True)
        assert (await client.get("/health")).json()["status"] == "ok"


async def test_a_user_who_may_not_write(client: httpx.AsyncClient, server: DebianRedis, gemini: GeminiEmulator) -> None:
    with server.client() as redis:
        redis.execute_command("ACL", "SETUSER", "default", "-set")
        async with trouble_by_health(client, "the login is refused"):
            redis.execute_command("ACL", "SETUSER", "default", "+@all")


@asynccontextmanager
async def trouble_by_health(client: httpx.AsyncClient, detail: str) -> AsyncIterator[None]:
    assert (await client.get("/health")).json()["components"]["redis"]["detail"] == detail
    yield
    assert (await client.get("/health")).json()["status"] == "ok"


async def test_a_disk_that_cannot_be_written(
    client: httpx.AsyncClient, server: DebianRedis, gemini: GeminiEmulator
) -> None:
    with server.client() as redis:
        redis.config_set("save", "3600 1")
        (server.folder / "dump.rdb").mkdir()  # a file cannot take its place, whoever asks
        redis.set("something", 1)
        redis.bgsave()
        async with asyncio.timeout(10):
            while redis.info("persistence")["rdb_last_bgsave_status"] != "err":
                await asyncio.sleep(0.02)
        async with trouble(client, gemini, "cannot write to its disk and refuses writes"):
            redis.config_set("stop-writes-on-bgsave-error", "no")


def test_loading_and_what_else_a_server_may_say_is_told_apart() -> None:
    assert trouble_of(BusyLoadingError("Redis is loading the dataset in memory")) is RedisTrouble.LOADING
    assert trouble_of(ResponseError("NOAUTH Authentication required.")) is RedisTrouble.LOGIN
    assert trouble_of(ConnectionResetError()) is RedisTrouble.NO_ANSWER


async def test_loading(server: DebianRedis, metrics: MetricsEmulator, gemini: GeminiEmulator, tmp_path: Path) -> None:
    with server.client() as redis:
        redis.config_set("save", "3600 1")
        redis.mset({f"k{number}": "x" for number in range(20_000)})
        redis.save()
    server.kill()
    server.command += ["--key-load-delay", "200", "--loading-process-events-interval-bytes", "1024"]
    server.start()  # accepts connections; 20,000 keys take seconds
    url = f"redis://:{server.password}@127.0.0.1:{server.port}"
    async with (
        client_of(settings_for_redis_url(metrics, gemini, redis_url=url)) as client,
        trouble(client, gemini, "loading its data"),
    ):
        pass


async def test_operators_are_told_503_while_redis_is_full(client: httpx.AsyncClient, server: DebianRedis) -> None:
    with server.client() as redis:
        redis.config_set("requirepass", "another")
        redis.client_kill_filter(_type="normal", skipme=True)
        answer = await client.get("/analyze/quota", headers=ADMIN)
        assert (answer.status_code, answer.json()["type"]) == (503, "urn:problem-type:cache-away")
        redis.config_set("requirepass", server.password)
