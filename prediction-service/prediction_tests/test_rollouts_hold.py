"""A policy holds: without Postgres, after a restart, on every replica, and when its candidate fails."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import asyncpg
import httpx
import pytest

from prediction_tests.python_models import TEXT as PYTHON
from prediction_tests.python_models import python_model
from prediction_tests.rollouts import (
    BECAUSE,
    CANARY,
    NAME,
    PINNED,
    ROLLOUT,
    add_version,
    put,
    until_loaded,
    version_for,
    versions_for,
    with_versions,
)
from prediction_tests.service import StartService, assert_problem, client_of, settings_for
from shared.testing.postgres import Database, PostgresServer

pytestmark = pytest.mark.timeout(200)
"""Models are tried in processes of their own, which takes its time on a busy machine."""

USERS = [f"user-{number}" for number in range(60)]

KNOWN_EVERYWHERE_SECONDS = 2.0


@pytest.fixture
def models(tmp_path: Path) -> Path:
    return with_versions(tmp_path / "models", "1.0.0", "2.0.0")


@pytest.fixture
async def postgres(postgres_server: PostgresServer) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Awaiting its value brings a Postgres back that a test has killed; so does the end of the test."""

    async def bring_back() -> None:
        if not await postgres_server.answers():
            await asyncio.to_thread(postgres_server.start_and_wait)

    yield bring_back
    await bring_back()


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 90) -> float:
    """How long it took until the condition held."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
    return time.monotonic() - began


async def health_of_rollouts(client: httpx.AsyncClient) -> dict:
    return (await client.get("/health")).json()["components"]["rollouts"]


async def test_without_postgres_the_policy_holds_and_cannot_be_changed(
    start_service: StartService, models: Path, postgres: Callable[[], Awaitable[None]], postgres_server: PostgresServer
) -> None:
    client = await start_service(models_dir=models)
    await put(client, 0, CANARY | {"share": 50})
    before = await versions_for(client, USERS)
    postgres_server.kill()
    assert await versions_for(client, USERS) == before
    body = BECAUSE | {"revision": 1}
    for method, path, content in (
        ("PUT", "", body | PINNED), ("POST", "/promote", body), ("POST", "/rollback", body), ("GET", "/history", None),
    ):  # fmt: skip
        problem = assert_problem(await client.request(method, ROLLOUT + path, json=content), 503)
        assert problem["type"] == "urn:problem-type:database-away"
    policy = (await client.get(ROLLOUT)).json()
    assert (policy["revision"], policy["here"]["known_from"]) == (1, "memory")
    health = await health_of_rollouts(client)
    assert (health["status"], health["detail"]) == ("degraded", "postgres is away: the policies known last go on")
    assert await versions_for(client, USERS) == before

    await postgres()
    assert (await put(client, 1, PINNED))["here"]["known_from"] == "postgres"
    assert set((await versions_for(client, USERS)).values()) == {"1.0.0"}


async def test_a_service_that_starts_without_postgres_goes_on_with_what_an_earlier_run_knew(
    database: Database,
    tmp_path: Path,
    models: Path,
    postgres: Callable[[], Awaitable[None]],
    postgres_server: PostgresServer,
) -> None:
    settings = settings_for(database, models_dir=models, journal_dir=tmp_path / "journal")
    async with client_of(settings) as client:
        await put(client, 0, CANARY | {"share": 50})
        before = await versions_for(client, USERS)
        file = tmp_path / "journal" / "rollouts.json"
        await until(lambda: asyncio.to_thread(lambda: "canary" in file.read_text()))
    postgres_server.kill()
    async with client_of(settings) as client:
        assert await versions_for(client, USERS) == before
        assert (await client.get("/models")).json()["rollouts_known_from"] == "disk"
        health = await health_of_rollouts(client)
        assert health["status"] == "degraded"
        assert "an earlier run" in health["detail"]
    file.write_text('{"at": "yesterday"')  # torn by a full disk, or by hand
    async with client_of(settings) as client:
        assert await version_for(client) == "2.0.0"
        policy = (await client.get(ROLLOUT)).json()
        assert (policy["revision"], policy["here"]["known_from"]) == (0, "nowhere")
        assert "no policy is known" in (await health_of_rollouts(client))["detail"]
        await postgres()
        await until(lambda: is_known_from(client, "postgres"))
        assert await versions_for(client, USERS) == before
    assert json.loads(file.read_text())["policies"][0]["revision"] == 1


async def is_known_from(client: httpx.AsyncClient, source: str) -> bool:
    return (await client.get("/models")).json()["rollouts_known_from"] == source


@pytest.mark.parametrize("hears", [True, False], ids=["told", "by looking"])
async def test_all_replicas_have_a_new_policy_within_two_seconds(
    database: Database, models: Path, tmp_path: Path, hears: bool
) -> None:
    """Those that a connection tells of it, and those behind a pooler, where nobody can listen."""
    url = database.url("prediction_service").get_secret_value() + ("" if hears else "?pgbouncer=true")
    settings = [
        settings_for(database, models_dir=models, journal_dir=tmp_path / name, database_url=url) for name in "abc"
    ]
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(client_of(each)) for each in settings]
        for revision, (version, other) in enumerate([("1.0.0", "2.0.0"), ("2.0.0", "1.0.0"), ("1.0.0", "2.0.0")]):
            await put(clients[revision], revision, PINNED | {"stable_version": version})

            async def all_follow(version: str = version) -> bool:
                return {await version_for(client) for client in clients} == {version}

            took = await until(all_follow)
            assert took < KNOWN_EVERYWHERE_SECONDS, f"{took:.2f} s"
            assert {await version_for(client, model_version=other, model_name=NAME) for client in clients} == {other}


async def test_a_schedule_goes_on_by_itself_once_for_all_replicas_and_over_restarts(
    database: Database, models: Path, tmp_path: Path
) -> None:
    settings = [settings_for(database, models_dir=models, journal_dir=tmp_path / name) for name in "ab"]
    steps = [{"share": 0, "minutes": 0.02}, {"share": 50, "minutes": 0.05}, {"share": 100}]
    async with client_of(settings[0]) as client:
        policy = await put(client, 0, {**CANARY, "steps": steps, "share": 0})
        assert (policy["share"], policy["step"]) == (0, 0)
        await until(lambda: is_at(client, 1))
    async with client_of(settings[0]) as client, client_of(settings[1]) as other:
        await until(lambda: is_at(client, 2))
        await until(lambda: is_at(other, 2))
        assert set((await versions_for(other, USERS)).values()) == {"2.0.0"}
        events = (await client.get(f"{ROLLOUT}/history")).json()["events"]
        assert [(event["actor"], event["action"], event["policy"]["share"]) for event in reversed(events)] == [
            ("admin", "set", 0), ("schedule", "step", 50), ("schedule", "step", 100),
        ]  # fmt: skip
        assert (await put(client, 3, {**CANARY, "steps": steps, "share": 50}))["step"] == 1


async def is_at(client: httpx.AsyncClient, step: int) -> bool:
    return (await client.get(ROLLOUT)).json()["step"] == step


async def test_a_candidate_that_disappears_leaves_its_requests_to_the_stable_version(
    start_service: StartService, models: Path
) -> None:
    client = await start_service(models_dir=models)
    await put(client, 0, CANARY | {"share": 100})
    assert await version_for(client) == "2.0.0"
    shutil.rmtree(models / NAME / "2.0.0")
    await until(lambda: is_served(client, "1.0.0"))
    await until(lambda: is_pinned(client))
    (event, _) = (await client.get(f"{ROLLOUT}/history")).json()["events"]
    assert (event["actor"], event["action"]) == ("service", "rollback")
    assert event["reason"] == "2.0.0 cannot be served any more: its folder is gone"


async def is_served(client: httpx.AsyncClient, version: str) -> bool:
    """Whatever version it is, somebody answers."""
    return await version_for(client) == version


async def is_pinned(client: httpx.AsyncClient) -> bool:
    return (await client.get(ROLLOUT)).json()["mode"] == "pinned"


async def test_a_candidate_whose_new_contents_fail_their_golden_rows_is_one_no_more(
    start_service: StartService, models: Path
) -> None:
    client = await start_service(models_dir=models)
    await put(client, 0, CANARY | {"share": 100})
    assert await version_for(client) == "2.0.0"
    row = {"text": "I love it.", "expect": {"label": "negative"}}
    (models / NAME / "2.0.0" / "golden.jsonl").write_text(json.dumps(row))
    await until(lambda: is_served(client, "1.0.0"))
    await until(lambda: is_pinned(client))
    event = (await client.get(f"{ROLLOUT}/history")).json()["events"][0]
    assert "golden.jsonl: row 1" in event["reason"]
    assert await version_for(client, model_version="2.0.0", model_name=NAME) == "2.0.0", "who asks for it still gets it"


async def test_a_candidate_that_is_unloaded_and_loaded_again_goes_on(start_service: StartService, models: Path) -> None:
    client = await start_service(models_dir=models)
    await put(client, 0, CANARY | {"share": 100})
    assert await version_for(client) == "2.0.0"
    for _ in range(3):
        for act in ("unload", "load"):
            assert (await client.post(f"/v2/repository/models/{NAME}/{act}")).status_code == 200
            await asyncio.sleep(0)
            assert (await client.get(ROLLOUT)).json()["revision"] == 1
    await until_loaded(client, "1.0.0", "2.0.0")
    assert await version_for(client) == "2.0.0"
    assert (await client.get(ROLLOUT)).json()["mode"] == "canary"


async def test_without_the_whole_model_nothing_is_said_of_its_policy_that_is_not_so(
    start_service: StartService, models: Path
) -> None:
    client = await start_service(models_dir=models)
    await put(client, 0, PINNED)
    assert (await client.post(f"/v2/repository/models/{NAME}/unload")).status_code == 200
    assert_problem(await client.post("/predict", json={"text": "Fine."}), 404)
    assert (await client.get(ROLLOUT)).json()["here"]["trouble"].endswith("requests without a version are refused")
    assert (await client.post(f"/v2/repository/models/{NAME}/load")).status_code == 200
    assert await version_for(client) == "1.0.0"
    assert (await client.get(ROLLOUT)).json()["here"]["trouble"] == ""


async def test_the_stable_version_serves_on_when_its_folder_goes_and_nothing_takes_its_place(
    start_service: StartService, models: Path, database: Database, tmp_path: Path
) -> None:
    client = await start_service(models_dir=models)
    await put(client, 0, PINNED)
    shutil.rmtree(models / NAME / "1.0.0")
    add_version(models, "3.0.0")
    await until_loaded(client, "1.0.0", "2.0.0", "3.0.0")
    assert await version_for(client) == "1.0.0"
    trouble = (await client.get(ROLLOUT)).json()["here"]["trouble"]
    assert trouble.endswith("a service that starts would have nothing to serve: its folder is gone")
    assert trouble in (await client.get("/health")).json()["components"]["rollouts"]["detail"]

    again = settings_for(database, models_dir=models, journal_dir=tmp_path / "other")
    async with client_of(again) as restarted:
        problem = assert_problem(await restarted.post("/predict", json={"text": "Fine."}), 503)
        assert problem["type"] == "urn:problem-type:stable-version-missing"
        assert await version_for(restarted, model_version="2.0.0", model_name=NAME) == "2.0.0"
        assert (await restarted.get("/health")).status_code == 503
        trouble = "the stable version 1.0.0 is not loaded; requests without a version are refused"
        assert (await restarted.get(ROLLOUT)).json()["here"]["trouble"] == trouble
        await put(restarted, 1, {"mode": "newest"})
        assert await version_for(restarted) == "3.0.0"
    await until_loaded(client, "2.0.0", "3.0.0")


FAILS_ON_BAD = """
def predict(rows):
    if any("bad" in str(row) for row in rows):
        raise ValueError("cannot")
    return [{"yes": 0.75, "no": 0.25} for row in rows]
"""
WORKS = "def predict(rows): return [{'yes': 0.75, 'no': 0.25} for row in rows]"


async def test_what_a_candidate_fails_the_stable_version_answers_and_it_counts_as_its_error(
    start_service: StartService, models: Path, database: Database
) -> None:
    python_model(models, WORKS, PYTHON)
    hidden = python_model(models, FAILS_ON_BAD, PYTHON, ".other")
    hidden.rename(models / "own" / "2.0.0")
    client = await start_service(models_dir=models)
    rollout = "/models/own/rollout"

    async def is_loaded() -> bool:
        return (await client.get(rollout)).status_code == 200 and (await ask_version("2.0.0")).status_code == 200

    async def ask_version(version: str | None, text: str = "good") -> httpx.Response:
        body = {"text": text, "model_name": "own"} | ({"model_version": version} if version else {})
        return await client.post("/predict", json=body)

    await until(is_loaded)
    await until(lambda: answers(ask_version("1.0.0")))
    body = BECAUSE | {"revision": 0} | CANARY | {"share": 100}
    assert (await client.put(rollout, json=body)).status_code == 200
    assert (await ask_version(None)).json()["model_version"] == "2.0.0"
    stood_in = await ask_version(None, "bad")
    assert (stood_in.status_code, stood_in.json()["model_version"]) == (200, "1.0.0")
    texts = {"texts": ["good", "bad"], "model_name": "own"}
    batch = (await client.post("/predict/batch", json=texts)).json()["predictions"]
    assert [each["model_version"] for each in batch] == ["1.0.0", "1.0.0"]
    assert_problem(await ask_version("2.0.0", "bad"), 500)

    async def counted() -> bool:
        rows = await database.fetch("SELECT arm, requests, errors FROM predictions.version_outcome")
        return [tuple(row) for row in rows] == [("candidate", 3, 2)]

    await until(counted)
    recorded = await database.fetch(
        "SELECT model_version, count(*)::int FROM predictions.prediction WHERE model_name = 'own' GROUP BY 1"
    )
    assert dict(map(tuple, recorded))["1.0.0"] >= 3


async def answers(asked: Awaitable[httpx.Response]) -> bool:
    return (await asked).status_code == 200


async def test_a_connection_that_breaks_is_made_anew_and_listens_again(
    start_service: StartService, models: Path, database: Database
) -> None:
    client = await start_service(models_dir=models)
    for revision in range(3):
        await database.fetch(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await until(lambda: listens(database))
        await change_behind_its_back(database, revision)

        async def follows(revision: int = revision) -> bool:
            return (await client.get("/models")).json()["rollouts"][0]["revision"] == revision + 1

        await until(lambda: has_policies(client))
        assert await until(follows) < KNOWN_EVERYWHERE_SECONDS


async def has_policies(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/models")).json()["rollouts"])


async def listens(database: Database) -> bool:
    """Whether somebody who follows policies is connected."""
    query = (
        "SELECT 1 FROM pg_stat_activity "
        "WHERE datname = current_database() AND query LIKE '%rollout%' AND pid <> pg_backend_pid()"
    )
    return bool(await database.fetch(query))


async def change_behind_its_back(database: Database, revision: int) -> None:
    """Another replica's change."""
    connection = await asyncpg.connect(database.url("prediction_service").get_secret_value())
    policy = {"model_name": NAME, "share": 0, "sticky": "caller", "promote_by_itself": False} | PINNED
    await connection.execute(
        "SELECT predictions.set_rollout($1::jsonb, $2, 'x', 'y', '', '')", json.dumps(policy), revision
    )
    await connection.close()
