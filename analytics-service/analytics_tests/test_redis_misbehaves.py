"""Redis full, read-only, loading, with another password: rules meanwhile, health says which, and it ends by itself."""

import asyncio
import contextlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import redis
from redis._parsers.base import BaseParser

from analytics_service.cache.troubles import BY_CODE, words_for
from analytics_service.testing.gemini_emulator import GeminiEmulator
from analytics_service.testing.metrics_emulator import MetricsEmulator
from analytics_tests.service import analyze, client_of, settings_for_redis_url
from shared.testing.admin import ADMIN
from shared.testing.redis_servers import DebianRedis

REPOSITORY = Path(__file__).parents[2]


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
        async with trouble_by_health(client, "its user may not run set: see docs/stores.md"):
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


async def test_too_few_replicas(client: httpx.AsyncClient, server: DebianRedis, gemini: GeminiEmulator) -> None:
    with server.client() as redis:
        redis.config_set("min-replicas-to-write", 1)
        async with trouble(client, gemini, "takes no writes: too few replicas follow it (min-replicas-to-write)"):
            redis.config_set("min-replicas-to-write", 0)


async def test_a_replica_without_a_master(
    client: httpx.AsyncClient, server: DebianRedis, gemini: GeminiEmulator
) -> None:
    with server.client() as redis:
        redis.config_set("replica-serve-stale-data", "no")
        redis.execute_command("REPLICAOF", "127.0.0.1", "1")
        async with trouble(client, gemini, "a replica that has lost its master, and answers nothing"):
            redis.execute_command("REPLICAOF", "NO", "ONE")


async def test_somebodys_script_without_end(
    client: httpx.AsyncClient, server: DebianRedis, gemini: GeminiEmulator
) -> None:
    with server.client() as redis:
        redis.config_set("lua-time-limit", 10)
        loop = asyncio.create_task(asyncio.to_thread(endless_script, server))
        async with asyncio.timeout(10):
            while await asyncio.to_thread(answers, server):
                await asyncio.sleep(0.01)
        async with trouble(client, gemini, "busy with somebody's script"):
            redis.script_kill()
        await loop


def endless_script(server: DebianRedis) -> None:
    with server.client() as redis_client, contextlib.suppress(redis.RedisError):
        redis_client.eval("while true do end", 0)


def answers(server: DebianRedis) -> bool:
    with server.client() as redis_client:
        try:
            return bool(redis_client.ping())
        except redis.RedisError:
            return False


@pytest.mark.parametrize(
    ("rules", "named"),
    [
        (["-@scripting"], "its user may not run evalsha"),
        (["-evalsha"], "its user may not run evalsha"),
        (["-publish"], "its user may not run publish"),
        (["-zadd"], "its user may not run zadd"),
        (["-expire", "-del"], "its user may not run expire"),
        (["-hgetall"], "its user may not run hgetall"),
        (["-unlink"], "its user may not run unlink"),
        (["-scan"], "its user may not run scan"),
        (["-subscribe"], "its user may not run subscribe"),
        (["resetkeys", "~other:*"], "its user may not use the keys analysis:*"),
        (["resetchannels"], "its user may not use the channels analysis:*"),
    ],
)
async def test_a_user_who_may_not_do_a_part_is_told_which(
    client: httpx.AsyncClient, server: DebianRedis, rules: list[str], named: str
) -> None:
    with server.client() as setup:
        setup.execute_command("ACL", "SETUSER", "admin", "on", ">admin", "~*", "&*", "+@all")
    with redis.Redis(port=server.port, username="admin", password="admin") as admin:
        admin.execute_command("ACL", "SETUSER", "default", *rules)
        detail = (await client.get("/health")).json()["components"]["redis"].get("detail", "")
        assert detail.startswith(named)
        admin.execute_command("ACL", "SETUSER", "default", "+@all", "~*", "&*")
        assert (await client.get("/health")).json()["status"] == "ok"


async def test_the_least_rights_of_the_documents_are_enough(
    server: DebianRedis, metrics: MetricsEmulator, gemini: GeminiEmulator
) -> None:
    (least,) = re.findall(r"^ACL SETUSER (.*)$", (REPOSITORY / "docs" / "stores.md").read_text(), re.MULTILINE)
    with server.client() as redis:
        redis.execute_command("ACL", "SETUSER", *least.replace("…", "pass").split())
    url = f"redis://reports:pass@127.0.0.1:{server.port}"
    async with client_of(settings_for_redis_url(metrics, gemini, redis_url=url)) as client:
        assert (await client.get("/health")).json()["components"]["redis"]["status"] == "ok"
        answers = await asyncio.gather(*(analyze(client, time_window_minutes=9) for _ in range(5)))
        assert {answer.json()["source"] for answer in answers} == {"gemini"}
        assert (await client.get("/analyze/quota", headers=ADMIN)).status_code == 200
        assert (await client.request("DELETE", "/analyze/cache", headers=ADMIN)).json() == {"cleared": 1}


async def test_a_probe_leaves_nothing_behind(client: httpx.AsyncClient, server: DebianRedis) -> None:
    assert (await client.get("/health")).json()["components"]["redis"]["status"] == "ok"
    with server.client() as redis:
        assert redis.keys("analysis:{health}*") == []


async def test_a_password_in_a_file_is_changed_there(
    server: DebianRedis, metrics: MetricsEmulator, gemini: GeminiEmulator, tmp_path: Path
) -> None:
    file = tmp_path / "password"
    file.write_text(server.password + "\n")
    chosen = {"redis_host": "127.0.0.1", "redis_port": server.port, "redis_password_file": file}
    async with client_of(settings_for_redis_url(metrics, gemini, **chosen)) as client:
        assert (await client.get("/health")).json()["status"] == "ok"
        with server.client() as redis:
            redis.config_set("requirepass", "another")
            redis.client_kill_filter(_type="normal", skipme=True)
            async with trouble(client, gemini, "the login is refused"):
                file.write_text("another")
            file.unlink()  # as it is for a moment when a secret is replaced
            redis.client_kill_filter(_type="normal", skipme=True)
            assert (await client.get("/health")).json()["status"] == "ok"


@pytest.mark.parametrize("code", sorted(BY_CODE))
def test_every_error_of_a_server_has_its_words(code: str) -> None:
    """As the client's parser makes them, alone, within a script's error, and as the cause of another."""
    alone = BaseParser.parse_error(f"{code} 7 127.0.0.1:7000")
    assert words_for(alone) == BY_CODE[code]
    script = BaseParser.parse_error(f"ERR Error running script (call to f_1): @user_script:1: -{code} told")
    assert words_for(script) == BY_CODE[code]
    wrapped = redis.ConnectionError("Error 1 connecting")
    wrapped.__cause__ = alone
    assert words_for(wrapped) == BY_CODE[code]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            BaseParser.parse_error("ERR max number of clients reached"),
            "has no room for one more connection (maxclients)",
        ),
        (BaseParser.parse_error("ERR unknown command 'EVALSHA', with args"), "does not know the command evalsha"),
        (BaseParser.parse_error("ERR DB index is out of range"), "has no database of that number"),
        (BaseParser.parse_error("WRONGTYPE Operation against a key"), "refuses what it is asked"),
        (ConnectionResetError(), "not reachable"),
        (redis.TimeoutError("Timeout connecting to server"), "not reachable"),
    ],
)
def test_what_else_may_be_wrong_is_told_apart(error: Exception, words: str) -> None:
    assert words_for(error) == words


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
