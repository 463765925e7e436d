"""Who gets which version: as the policy says, on every path, unless a request names one."""

import asyncio
import io
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest

from prediction_tests.rollouts import (
    BECAUSE,
    CANARY,
    NAME,
    PINNED,
    ROLLOUT,
    TEXT,
    add_version,
    put,
    until_loaded,
    version_for,
    versions_for,
    with_versions,
)
from prediction_tests.service import StartService, assert_problem
from shared.contracts.rights import Right
from shared.testing.admin import held
from shared.testing.postgres import Database

USERS = [f"user-{number}" for number in range(300)]

TENSOR = {"inputs": [{"name": "text", "datatype": "BYTES", "shape": [1], "data": ["Fine."]}]}


NONSENSE: list[tuple[dict[str, Any], str, str]] = [
    ({"stable_version": "9.9.9"}, "stable_version", "9.9.9 is not loaded; there is 2.0.0, 1.0.0"),
    ({"candidate_version": "9.9.9"}, "candidate_version", "9.9.9 is not loaded; there is 2.0.0, 1.0.0"),
    ({"candidate_version": None}, "candidate_version", "is needed with canary"),
    ({"candidate_version": "1.0.0"}, "candidate_version", "is the stable version itself"),
    ({"stable_version": None}, "stable_version", "is needed with canary"),
    ({"mode": "pinned"}, "candidate_version", "does not belong to pinned"),
    ({"mode": "pinned", "candidate_version": None}, "share", "belongs to shadow and canary, not to pinned"),
    ({"mode": "newest", "candidate_version": None, "share": 0}, "stable_version", "does not belong to newest"),
    ({"share": 100.5}, "share", "less than or equal to 100"),
    ({"share": -1}, "share", "greater than or equal to 0"),
    ({"sticky": "header:"}, "sticky", "pattern"),
    ({"sticky": "header:X-Request-ID"}, "sticky", "cannot be told apart"),
    ({"sticky": "header:Idempotency-Key"}, "sticky", "another one with each request"),
    ({"changed_by": "guard"}, "changed_by", "calls itself"),
    ({"changed_by": "Ｇｕａｒｄ"}, "changed_by", "calls itself"),  # noqa: RUF001 -- fullwidth on purpose
    ({"changed_by": "Ay\u200bse"}, "changed_by", "nobody sees"),
    ({"changed_by": " "}, "changed_by", "at least 1 character"),
    ({"steps": []}, "steps", "at least 1"),
    ({"steps": [{"share": 10, "minutes": 1}, {"share": 10}]}, "steps.1.share", "must be larger"),
    ({"steps": [{"share": 10}, {"share": 20}]}, "steps.0.minutes", "is needed for all steps but the last"),
    ({"steps": [{"share": 20, "minutes": 1}, {"share": 30}]}, "share", "none of the shares of steps"),
    ({"mode": "shadow", "steps": [{"share": 10}]}, "steps", "belong to canary"),
    ({"promote_by_itself": True, "mode": "shadow"}, "promote_by_itself", "belongs to canary"),
    ({"promote_by_itself": True, "share": 100}, "promote_by_itself", "below 100"),
    ({"promote_by_itself": True, "steps": [{"share": 10, "minutes": 1}, {"share": 100}]}, "promote_by_itself",
     "below 100"),
    ({"guards": {"luck": {}}}, "guards.luck", "unknown field"),
    ({"reason": " "}, "reason", "at least 1 character"),
    ({"reason": "line\0"}, "reason", "control characters"),
    ({"reason": "two\u2028lines"}, "reason", "control characters"),
    ({"revision": None}, "revision", "integer"),
    ({"revision": 1 << 63}, "revision", "less than"),
]  # fmt: skip
"""What is changed in a good body, and what is said of which field."""


@pytest.fixture
async def client(start_service: StartService, tmp_path: Path) -> httpx.AsyncClient:
    return await start_service(models_dir=with_versions(tmp_path / "models", "1.0.0", "2.0.0"))


async def by_every_path(client: httpx.AsyncClient, headers: dict[str, str] | None = None) -> set[str]:
    """The versions that answer a request that names none, however it is asked."""
    one = await client.post("/predict", json=TEXT, headers=headers)
    many = await client.post("/predict/batch", json={"texts": ["Fine.", "Bad."]}, headers=headers)
    stream = await client.post(
        "/predict/batch", content=io.BytesIO(b'{"text": "Fine."}\n').getvalue(),
        headers={"Content-Type": "application/x-ndjson", **(headers or {})},
    )  # fmt: skip
    tensors = await client.post(f"/v2/models/{NAME}/infer", json=TENSOR, headers=headers)
    configuration = await client.get(f"/v2/models/{NAME}/config", headers=headers)
    for answer in (one, many, stream, tensors, configuration):
        assert answer.status_code == 200, answer.text
    return {
        one.json()["model_version"],
        *(each["model_version"] for each in many.json()["predictions"]),
        stream.headers["x-model-version"],
        tensors.json()["model_version"],
        *configuration.json()["version_policy"]["specific"]["versions"],
    }


async def test_the_newest_version_is_served_until_somebody_decides_otherwise(client: httpx.AsyncClient) -> None:
    policy = (await client.get(ROLLOUT)).json()
    assert (policy["mode"], policy["revision"], policy["changed_at"]) == ("newest", 0, None)
    assert policy["here"]["shares"] == {"2.0.0": 100}
    assert await by_every_path(client) == {"2.0.0"}


async def test_a_pinned_version_is_served_on_every_path_whatever_appears(
    client: httpx.AsyncClient, tmp_path: Path
) -> None:
    policy = await put(client, 0, PINNED)
    assert (policy["revision"], policy["here"]) == (1, policy["here"] | {"shares": {"1.0.0": 100}, "trouble": ""})
    assert await by_every_path(client) == {"1.0.0"}
    add_version(tmp_path / "models", "3.0.0")
    await until_loaded(client, "1.0.0", "2.0.0", "3.0.0")
    assert await by_every_path(client) == {"1.0.0"}
    assert await version_for(client, model_version="3.0.0", model_name=NAME) == "3.0.0"
    assert (await client.post(f"/v2/models/{NAME}/versions/2.0.0/infer", json=TENSOR)).json()[
        "model_version"
    ] == "2.0.0"
    models = (await client.get("/models")).json()
    assert {model["version"]: model["share"] for model in models["models"]} == {"3.0.0": 0, "2.0.0": 0, "1.0.0": 100}
    assert [model["version"] for model in models["models"] if model["default"]] == ["1.0.0"]
    assert [(each["model_name"], each["mode"], each["trouble"]) for each in models["rollouts"]] == [
        (NAME, "pinned", "")
    ]
    assert models["rollouts_known_from"] == "postgres"

    await put(client, 1, {"mode": "newest"})
    assert await by_every_path(client) == {"3.0.0"}


async def test_a_canary_has_always_the_same_users_on_every_path(client: httpx.AsyncClient) -> None:
    await put(client, 0, CANARY)
    first = await versions_for(client, USERS)
    assert await versions_for(client, USERS) == first
    inside = [user for user, version in first.items() if version == "2.0.0"]
    assert 10 <= len(inside) <= 60, "of 300 a tenth; outside of this once in a million rollouts"
    for user in (inside[0], next(user for user in USERS if user not in inside)):
        assert await by_every_path(client, {"X-User": user}) == {first[user]}

    await put(client, 1, CANARY | {"share": 40})
    larger = await versions_for(client, USERS)
    assert all(larger[user] == "2.0.0" for user in inside)
    assert sum(version == "2.0.0" for version in larger.values()) > len(inside)

    await put(client, 2, CANARY | {"share": 100})
    assert set((await versions_for(client, USERS)).values()) == {"2.0.0"}
    await put(client, 3, CANARY | {"share": 0})
    assert set((await versions_for(client, USERS)).values()) == {"1.0.0"}


async def test_a_shadow_without_a_share_is_not_told_of_steps(client: httpx.AsyncClient) -> None:
    body = {name: value for name, value in CANARY.items() if name != "share"} | BECAUSE | {"revision": 0}
    for mode, message in (
        ("shadow", "is needed with shadow"),
        ("canary", "is needed with canary, unless there are steps"),
    ):
        errors = assert_problem(await client.put(ROLLOUT, json=body | {"mode": mode}), 422)["errors"]
        assert errors == [{"location": "body.share", "message": message}]


async def test_a_shadow_answers_nobody(client: httpx.AsyncClient) -> None:
    policy = await put(client, 0, CANARY | {"mode": "shadow", "share": 100})
    assert policy["here"]["shares"] == {"1.0.0": 100}
    assert set((await versions_for(client, USERS[:20])).values()) == {"1.0.0"}


@pytest.mark.parametrize(("act", "stable"), [("promote", "2.0.0"), ("rollback", "1.0.0")])
async def test_a_rollout_ends_for_everybody(client: httpx.AsyncClient, act: str, stable: str) -> None:
    end = BECAUSE | {"revision": 1, "changed_by": "Ayşe K."}
    forged = await client.post(f"{ROLLOUT}/{act}", json=end | {"changed_by": "Guard"})
    assert "calls itself" in assert_problem(forged, 422)["errors"][0]["message"]
    assert assert_problem(await client.post(f"{ROLLOUT}/{act}", json=end), 409)["revision"] == 0
    setter, ender = str(uuid4()), str(uuid4())
    policy = BECAUSE | {"revision": 0} | CANARY
    (await client.put(ROLLOUT, json=policy, headers=held(setter, Right.ADMIN))).raise_for_status()
    answer = await client.post(f"{ROLLOUT}/{act}", json=end, headers=held(ender, Right.ADMIN))
    assert answer.status_code == 200
    assert answer.json()["mode"] == "pinned"
    assert answer.json()["here"]["shares"] == {stable: 100}
    assert set((await versions_for(client, USERS[:50])).values()) == {stable}
    problem = assert_problem(await client.post(f"{ROLLOUT}/{act}", json=end | {"revision": 2}), 409)
    assert problem["type"] == "urn:problem-type:no-candidate"

    events = (await client.get(f"{ROLLOUT}/history")).json()["events"]
    assert [(event["revision"], event["actor"], event["action"]) for event in events] == [
        (2, "Ayşe K.", act),
        (1, "admin", "set"),
    ]
    assert [event["actor_key_id"] for event in events] == [ender, setter]
    assert events[0]["policy"]["stable_version"] == stable
    assert events[0]["reason"] == "a test"
    assert events[0]["client_address"] == "127.0.0.1"
    assert len((await client.get(f"{ROLLOUT}/history", params={"limit": 1})).json()["events"]) == 1


async def test_of_two_operators_one_is_told_that_the_other_was_faster(client: httpx.AsyncClient) -> None:
    bodies = [BECAUSE | {"revision": 0} | CANARY | {"share": share} for share in (10, 20)]
    answers = await asyncio.gather(*(client.put(ROLLOUT, json=body) for body in bodies))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    (late,) = [answer for answer in answers if answer.status_code == 409]
    problem = assert_problem(late, 409)
    assert (problem["type"], problem["revision"]) == ("urn:problem-type:rollout-moved", 1)
    assert len((await client.get(f"{ROLLOUT}/history")).json()["events"]) == 1


async def test_what_makes_no_sense_is_refused_by_field_and_nothing_changes(client: httpx.AsyncClient) -> None:
    for wrong, location, message in NONSENSE:
        answer = await client.put(ROLLOUT, json=BECAUSE | {"revision": 0} | CANARY | wrong)
        errors = assert_problem(answer, 422)["errors"]
        said = [error["message"] for error in errors if error["location"] == f"body.{location}"]
        assert any(message in each for each in said), f"{wrong}: {errors}"
    assert (await client.get(ROLLOUT)).json()["revision"] == 0


async def test_who_may_and_of_what(client: httpx.AsyncClient) -> None:
    body = BECAUSE | {"revision": 0}
    for method, path, content in (
        ("GET", "", None), ("PUT", "", body | PINNED), ("POST", "/promote", body), ("POST", "/rollback", body),
        ("GET", "/history", None),
    ):  # fmt: skip
        answer = await client.request(method, ROLLOUT + path, json=content, headers={"Authorization": "Bearer wrong"})
        assert_problem(answer, 401)
        assert_problem(await client.request(method, f"/models/nobody/rollout{path}", json=content), 404)
        assert_problem(await client.request(method, f"/models/-/rollout{path}", json=content), 422)


async def test_requests_that_come_without_a_gateway_are_shared_out_one_by_one(client: httpx.AsyncClient) -> None:
    await put(client, 0, CANARY | {"share": 50, "sticky": "caller"})
    versions = [await version_for(client) for _ in range(60)]
    assert set(versions) == {"1.0.0", "2.0.0"}
    answers = [await client.post("/predict", json=TEXT, headers={"X-Caller": "ip:203.0.113.9"}) for _ in range(20)]
    assert len({answer.json()["model_version"] for answer in answers}) == 1


async def outcomes(database: Database) -> list[asyncpg.Record]:
    return await database.fetch("SELECT * FROM predictions.version_outcome")


async def test_what_becomes_of_a_canarys_requests_is_counted_for_the_guards(
    client: httpx.AsyncClient, database: Database
) -> None:
    await put(client, 0, CANARY | {"share": 50})
    first = await versions_for(client, USERS[:100])
    await put(client, 1, CANARY | {"share": 60})
    second = await versions_for(client, USERS[:50])
    await version_for(client, "named", model_version="2.0.0", model_name=NAME)
    await client.post("/predict", json={"text": "Fine.", "model_name": NAME, "task_type": "other"})
    wanted = {
        (revision, arm): sum(got == version for got in answers.values())
        for revision, answers in ((1, first), (2, second))
        for arm, version in (("stable", "1.0.0"), ("candidate", "2.0.0"))
    }
    rows = await outcomes(database)
    async with asyncio.timeout(10):
        while {(row["revision"], row["arm"]): row["requests"] for row in rows} != wanted:
            await asyncio.sleep(0.05)
            rows = await outcomes(database)
    assert {row["errors"] for row in rows} == {0}
    assert len({row["started_at"] for row in rows}) == 1
    for row in rows:
        assert sum(row["time_counts"]) == row["requests"]
        mean_ms = 1000 * row["seconds_sum"] / row["requests"]
        slowest = 1.02 ** max(row["time_bins"])
        assert 0 < mean_ms <= slowest
        assert row["seconds_squares"] >= row["seconds_sum"] ** 2 / row["requests"] * 0.999
