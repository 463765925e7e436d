"""Keys on several gateways: changes are in force on all of them, with Postgres away what was known last goes on."""

import asyncio
import random
from pathlib import Path

import asyncpg
import httpx
import pytest

from gateway.keys import store
from gateway_tests.conftest import StartGateway, UpstreamServer
from gateway_tests.keys import ask, bearer, make, until
from gateway_tests.process import gateway_process, gateway_server
from shared.testing.admin import ADMIN, TOKEN
from shared.testing.pgbouncer import PgBouncer
from shared.testing.postgres import Database, PostgresServer


async def changed_at_random(gateways: list[httpx.AsyncClient], rng: random.Random) -> dict[str, int]:
    """Makes, changes, rotates and revokes keys, on whichever gateway; what each key ever made must come to now."""
    expected: dict[str, int] = {}
    keys: list[dict] = []
    for number in range(60):
        gateway, action = rng.choice(gateways), rng.choice(["make", "make", "change", "rotate", "revoke"])
        if action == "make" or not keys:
            keys.append(await make(gateway, f"key-{number}"))
            expected[keys[-1]["key"]] = 200
            continue
        key = keys.pop(rng.randrange(len(keys)))
        path = f"/keys/{key['key_id']}"
        if action == "revoke":
            await gateway.delete(path, headers=ADMIN)
            expected |= dict.fromkeys(key.get("olds", []), 401) | {key["key"]: 401}
            continue
        if action == "change":
            right = rng.choice(["predict", "read"])
            body = {"revision": key["revision"], "rights": [right]}
            changed = (await gateway.patch(path, json=body, headers=ADMIN)).json()
            status = 200 if right == "predict" else 403
            for shown in [key["key"], *key.get("olds", [])]:
                expected[shown] = status
            keys.append(key | changed)
            continue
        lives = rng.choice([0, 3600])
        body = {"revision": key["revision"], "old_lives_seconds": lives}
        rotated = (await gateway.post(f"{path}/rotate", json=body, headers=ADMIN)).json()
        expected |= dict.fromkeys(key.get("olds", []), 401)
        expected[rotated["key"]] = expected[key["key"]]
        if not lives:
            expected[key["key"]] = 401
        keys.append(rotated | {"olds": [key["key"]] if lives else []})
    return expected


@pytest.mark.parametrize("page", [store.ROWS, 1], ids=["pages", "pages of one row"])
async def test_every_change_is_in_force_on_every_gateway_and_on_one_that_starts(
    start_gateway: StartGateway, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    for module in ("gateway.keys.store", "gateway.keys.follower"):
        monkeypatch.setattr(f"{module}.ROWS", page)
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    settings = {"wrong_token_limits": "100000/60s", "ingress_limits": "100000/60s"}
    gateways = [await start_gateway(**settings) for _ in range(2)]
    expected = await changed_at_random(gateways, random.Random(seed))
    gateways.append(await start_gateway(**settings))
    assert len(set(expected.values())) > 1
    for gateway in gateways:
        for key, status in expected.items():

            async def is_in_force(gateway: httpx.AsyncClient = gateway, key: str = key, status: int = status) -> bool:
                return await ask(gateway, key) == status

            await until(is_in_force)
    for gateway in gateways:
        assert {key: await ask(gateway, key) for key in expected} == expected


async def test_a_key_expires_by_itself_and_its_row_stays(gateway: httpx.AsyncClient, database: Database) -> None:
    (row,) = await database.fetch("SELECT clock_timestamp() + interval '2 seconds' AS soon")
    made = await make(gateway, expires_at=row["soon"].isoformat())
    assert await ask(gateway, made["key"]) == 200

    async def is_refused() -> bool:
        return await ask(gateway, made["key"]) == 401

    await until(is_refused)
    (now,) = await database.fetch("SELECT clock_timestamp() AS now")
    assert now["now"] >= row["soon"]
    assert (await gateway.get(f"/keys/{made['key_id']}", headers=ADMIN)).json()["revoked_at"] is None


async def test_a_change_is_in_force_elsewhere_while_many_wait_for_what_takes_its_time(
    start_gateway: StartGateway, database: Database
) -> None:
    """What keys were used for is read and written, and neither comes to an end."""
    gateway, other = await start_gateway(), await start_gateway()
    made = await make(gateway)
    usage = f"/keys/{made['key_id']}/usage"
    blocker = await asyncpg.connect(database.url().get_secret_value())
    try:
        async with blocker.transaction():
            await blocker.execute("LOCK TABLE metrics.key_rollup, gateway.key_usage IN ACCESS EXCLUSIVE MODE")
            waiting = [asyncio.create_task(gateway.get(usage, headers=ADMIN)) for _ in range(20)]
            assert await ask(gateway, made["key"]) == 200
            assert (await other.delete(f"/keys/{made['key_id']}", headers=ADMIN)).status_code == 200

            async def is_refused() -> bool:
                return await ask(gateway, made["key"]) == 401

            await until(is_refused)
            assert not waiting[-1].done()
    finally:
        await blocker.close()
    await asyncio.gather(*waiting)

    async def is_counted() -> bool:
        return (await gateway.get(usage, headers=ADMIN)).json()["total"]["requests"] >= 1

    await until(is_counted)


async def test_behind_a_pooler_no_word_comes_and_changes_are_in_force_all_the_same(
    start_gateway: StartGateway, postgres_server: PostgresServer, database: Database, tmp_path: Path
) -> None:
    pgbouncer = PgBouncer(postgres_server, tmp_path)
    await asyncio.to_thread(pgbouncer.start)
    try:
        await follow_behind(pgbouncer.url("gateway", database.name), start_gateway)
    finally:
        await asyncio.to_thread(pgbouncer.stop)


async def follow_behind(pooled: str, start_gateway: StartGateway) -> None:
    settings = {"database_url": pooled, "wrong_token_limits": "100000/60s"}
    one, other = await start_gateway(**settings), await start_gateway(**settings)
    made = await make(one)

    async def is_known() -> bool:
        return await ask(other, made["key"]) == 200

    await until(is_known)
    await one.delete(f"/keys/{made['key_id']}", headers=ADMIN)

    async def is_refused() -> bool:
        return await ask(other, made["key"]) == 401

    await until(is_refused)


async def test_without_postgres_keys_go_on_as_they_were_known_last(
    start_gateway: StartGateway, postgres_server: PostgresServer
) -> None:
    gateway = await start_gateway(keys_known_seconds=1)
    made = await make(gateway)
    postgres_server.kill()
    try:
        changes = [
            gateway.post("/keys", json={"name": "new", "rights": ["read"]}, headers=ADMIN),
            gateway.delete(f"/keys/{made['key_id']}", headers=ADMIN),
            gateway.get("/keys", headers=ADMIN),
        ]
        for change in changes:
            response = await change
            assert (response.status_code, response.json()["type"]) == (503, "urn:problem-type:database-away")
            assert int(response.headers["Retry-After"]) >= 1
        assert await ask(gateway, made["key"]) == 200
        assert await ask(gateway, "msk_wrong") == 401
    finally:
        await asyncio.to_thread(postgres_server.start_and_wait)

    async def is_changeable() -> bool:
        return (await gateway.delete(f"/keys/{made['key_id']}", headers=ADMIN)).status_code == 200

    await until(is_changeable)
    assert await ask(gateway, made["key"]) == 401


async def test_keys_that_may_not_outlive_postgres_are_a_503_after_a_while_and_come_back(
    start_gateway: StartGateway, postgres_server: PostgresServer
) -> None:
    gateway = await start_gateway(keys_known_seconds=1, keys_without_database="deny")
    made = await make(gateway)
    postgres_server.kill()
    try:

        async def is_unavailable() -> bool:
            return await ask(gateway, made["key"]) == 503

        await until(is_unavailable)
        refused = await gateway.post("/predict", headers=bearer(made["key"]))
        assert refused.json()["type"] == "urn:problem-type:keys-unavailable"
        assert await ask(gateway, "msk_unknown") == 503
        assert (await gateway.post("/predict")).status_code == 200
        assert (await gateway.get("/analyze/quota", headers=bearer(TOKEN))).status_code == 200
    finally:
        await asyncio.to_thread(postgres_server.start_and_wait)

    async def is_back() -> bool:
        return await ask(gateway, made["key"]) == 200

    await until(is_back)


async def test_a_gateway_that_has_never_seen_postgres_says_so_of_keys_alone(start_gateway: StartGateway) -> None:
    nobody = "postgresql://gateway:x@127.0.0.1:1/nowhere"
    gateway = await start_gateway(wait_for_postgres=False, database_url=nobody)
    assert await ask(gateway, "msk_any") == 503
    assert (await gateway.post("/predict")).status_code == 200


async def test_a_database_that_was_restored_is_read_anew(gateway: httpx.AsyncClient, database: Database) -> None:
    """An older state, with a smaller revision, or another history with the same."""
    old, new = await make(gateway, "old"), await make(gateway, "new")
    await database.fetch("DELETE FROM gateway.api_key WHERE name = 'new'")
    await database.fetch("UPDATE gateway.key_state SET revision = 1")

    async def is_forgotten() -> bool:
        return await ask(gateway, new["key"]) == 401

    await until(is_forgotten)
    assert await ask(gateway, old["key"]) == 200
    await database.fetch("DELETE FROM gateway.api_key")
    await database.fetch("UPDATE gateway.key_state SET history = gen_random_uuid()")

    async def is_forgotten_too() -> bool:
        return await ask(gateway, old["key"]) == 401

    await until(is_forgotten_too)


async def test_when_a_key_was_used_last_is_written_down_and_a_key_stands_in_no_log(
    database: Database, upstream: UpstreamServer, tmp_path: Path
) -> None:
    async with (
        gateway_server(database, upstream, tmp_path, LOG_LEVEL="DEBUG") as process,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{process.port}", timeout=20) as client,
    ):
        used, unused = await make(client, "used"), await make(client, "unused")
        assert await ask(client, used["key"]) == 200
        assert await ask(client, used["key"], "/analyze/performance") == 403
        assert await ask(client, used["key"] + "x") == 401
    rows = await database.fetch(
        "SELECT name, last_used_at, clock_timestamp() AS now FROM gateway.api_key ORDER BY name"
    )
    assert [row["name"] for row in rows] == ["unused", "used"]
    assert rows[0]["last_used_at"] is None
    assert rows[1]["last_used_at"].second == 0
    assert 0 <= (rows[1]["now"] - rows[1]["last_used_at"]).total_seconds() < 180
    log = process.log.read_text()
    assert used["key_id"] in log
    assert used["key"] not in log
    assert unused["key"] not in log
    assert used["key"][4:24] not in log


async def test_wrong_keys_are_throttled_by_address_and_right_ones_never_are(start_gateway: StartGateway) -> None:
    gateway = await start_gateway(wrong_token_limits="3/60s")
    made = await make(gateway)
    statuses = [await ask(gateway, f"msk_{number}") for number in range(6)]
    assert statuses == [401] * 3 + [429] * 3
    assert await ask(gateway, made["key"]) == 200
    assert await ask(gateway, "msk_other", address="192.0.2.2") == 401


async def test_many_processes_of_one_gateway_know_the_same_keys(
    database: Database, upstream: UpstreamServer, tmp_path: Path
) -> None:
    settings = {"WRONG_TOKEN_LIMITS": "100000/60s"}
    async with (
        gateway_process(database, upstream, tmp_path, **settings) as one,
        gateway_process(database, upstream, tmp_path, **settings) as other,
    ):
        made = await make(one)

        async def is_known() -> bool:
            return await ask(other, made["key"]) == 200

        await until(is_known)


async def test_a_key_with_limits_that_this_gateway_cannot_read_is_refused_and_the_others_are_followed(
    gateway: httpx.AsyncClient, database: Database
) -> None:
    """Such as those of a release to come."""
    strange, other = await make(gateway, "strange"), await make(gateway, "other")
    await database.fetch(
        "WITH next AS (UPDATE gateway.key_state SET revision = revision + 1 RETURNING revision) "
        "UPDATE gateway.api_key SET limits = '5moons/60s', revision = next.revision FROM next WHERE name = 'strange'"
    )

    async def is_refused() -> bool:
        return await ask(gateway, strange["key"]) == 401

    await until(is_refused)
    assert await ask(gateway, other["key"]) == 200
    assert (await gateway.delete(f"/keys/{other['key_id']}", headers=ADMIN)).status_code == 200
    assert await ask(gateway, other["key"]) == 401
