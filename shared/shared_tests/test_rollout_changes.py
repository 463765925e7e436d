"""Policies change in Postgres by functions alone: with a revision that matches, an audit, and word to all replicas."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import asyncpg
import orjson
import pytest

from shared.contracts.rollouts import Rollout, RolloutMode
from shared.testing.postgres import Database

SET = "SELECT to_jsonb(r) FROM predictions.set_rollout($1::jsonb, $2, $3, $4, 'id', '203.0.113.9') AS r"
END = "SELECT to_jsonb(r) FROM predictions.end_rollout($1, $2, $3, 'ayse', 'because', 'id', '203.0.113.9') AS r"
STEP = "SELECT count(*) FROM predictions.step_rollouts($1)"
FINISHED = "UPDATE predictions.rollout SET step_started_at = now() - interval '1 hour'"
EVENTS = "SELECT * FROM predictions.rollout_event ORDER BY event_id"

CANARY = {
    "model_name": "m", "mode": "canary", "stable_version": "1.0.0", "candidate_version": "2.0.0", "share": 1.5,
    "sticky": "caller", "promote_by_itself": False,
}  # fmt: skip
STEPS = {"steps": [{"share": 1.5, "minutes": 10}, {"share": 10, "minutes": 10}, {"share": 50}], "step": 0}


class Roles:
    """A connection of each of the two services."""

    def __init__(self, service: asyncpg.Connection, metrics: asyncpg.Connection) -> None:
        self.service, self.metrics = service, metrics

    async def set(self, policy: dict[str, Any], expected: int) -> Rollout | None:
        return rollout_of(await self.service.fetchval(SET, orjson.dumps(policy).decode(), expected, "ayse", "why"))

    async def end(self, expected: int, *, promotes: bool) -> Rollout | None:
        return rollout_of(await self.service.fetchval(END, "m", expected, promotes))


def rollout_of(row: str | None) -> Rollout | None:
    return None if row is None else Rollout.model_validate_json(row)


@pytest.fixture
async def roles(database: Database) -> AsyncIterator[Roles]:
    async with AsyncExitStack() as stack:
        connections = []
        for role in ("prediction_service", "metrics_service"):
            connections.append(await asyncpg.connect(database.url(role).get_secret_value()))
            stack.push_async_callback(connections[-1].close)
        yield Roles(*connections)


async def test_a_change_names_the_revision_that_it_replaces(roles: Roles, database: Database) -> None:
    first = await roles.set(CANARY, 0)
    assert first is not None
    assert (first.revision, first.mode, first.share) == (1, RolloutMode.CANARY, 1.5)
    assert await roles.set(CANARY, 0) is None
    assert await roles.set(CANARY, 2) is None

    grown = await roles.set(CANARY | {"share": 10}, 1)
    assert grown is not None
    assert (grown.revision, grown.started_at) == (2, first.started_at)
    other = await roles.set(CANARY | {"candidate_version": "3.0.0"}, 2)
    assert other is not None
    assert other.started_at is not None
    assert first.started_at is not None
    assert other.started_at > first.started_at

    events = await database.fetch(EVENTS)
    assert [(event["revision"], event["actor"], event["action"]) for event in events] == [
        (revision, "ayse", "set") for revision in (1, 2, 3)
    ]
    assert Rollout.model_validate_json(events[-1]["policy"]) == other


async def test_the_first_policy_of_a_model_replaces_revision_0_and_no_other(roles: Roles, database: Database) -> None:
    assert await roles.set(CANARY, 7) is None
    assert await database.fetch("SELECT * FROM predictions.rollout") == []
    assert await database.fetch(EVENTS) == []


async def test_of_changes_at_once_one_is_made(database: Database) -> None:
    role = database.url("prediction_service").get_secret_value()
    connections = [await asyncpg.connect(role) for _ in range(8)]
    policy = orjson.dumps(CANARY).decode()
    for expected in range(3):
        changed = await asyncio.gather(*(each.fetchval(SET, policy, expected, "a", "b") for each in connections))
        assert sum(row is not None for row in changed) == 1
    assert len(await database.fetch(EVENTS)) == 3
    await asyncio.gather(*(each.close() for each in connections))


async def test_word_comes_with_the_commit(roles: Roles) -> None:
    heard = asyncio.Queue[str]()
    await roles.metrics.add_listener("rollouts", lambda *said: heard.put_nowait(said[3]))
    await roles.set(CANARY, 0)
    assert await asyncio.wait_for(heard.get(), 5) == "m"


@pytest.mark.parametrize(("promotes", "stable"), [(True, "2.0.0"), (False, "1.0.0")])
async def test_a_rollout_ends_with_one_stable_version(roles: Roles, promotes: bool, stable: str) -> None:
    assert await roles.end(0, promotes=promotes) is None
    await roles.set(CANARY | STEPS, 0)
    ended = await roles.end(1, promotes=promotes)
    assert ended is not None
    assert (ended.mode, ended.stable_version, ended.candidate_version) == (RolloutMode.PINNED, stable, None)
    assert (ended.share, ended.steps, ended.step, ended.started_at) == (0, None, None, None)
    assert await roles.end(2, promotes=promotes) is None, "there is no candidate any more"


async def test_a_guard_rolls_back_the_revision_that_it_has_judged(roles: Roles, database: Database) -> None:
    await roles.set(CANARY, 0)
    await roles.set(CANARY | {"share": 5}, 1)
    assert not await roles.metrics.fetchval("SELECT predictions.roll_back('m', 1, 'errors')")
    assert not await roles.metrics.fetchval("SELECT predictions.promote('m', 1, 'proved')")
    assert await roles.metrics.fetchval("SELECT predictions.roll_back('m', 2, 'errors')")
    last = (await database.fetch(EVENTS))[-1]
    assert (last["actor"], last["action"], last["reason"]) == ("guard", "rollback", "errors")
    await roles.set(CANARY, 3)
    assert await roles.metrics.fetchval("SELECT predictions.promote('m', 4, 'proved')")
    assert (await database.fetch("SELECT stable_version FROM predictions.rollout"))[0][0] == "2.0.0"


async def test_steps_are_taken_when_they_are_due_and_once(roles: Roles, database: Database) -> None:
    await roles.set(CANARY | STEPS, 0)
    assert await roles.service.fetchval(STEP, ["m"]) == 0, "not due yet"
    role = database.url("prediction_service").get_secret_value()
    connections = [await asyncpg.connect(role) for _ in range(6)]
    for step, share in ((1, 10.0), (2, 50.0)):
        await database.fetch(FINISHED)
        assert await roles.service.fetchval(STEP, ["another"]) == 0, "not a model that the caller can serve"
        assert sum(await asyncio.gather(*(each.fetchval(STEP, ["m"]) for each in connections))) == 1
        (row,) = await database.fetch(
            "SELECT step, share, step_started_at > now() - interval '1 minute' FROM predictions.rollout"
        )
        assert (row[0], float(row[1]), row[2]) == (step, share, True)
    await database.fetch(FINISHED)
    assert await roles.service.fetchval(STEP, ["m"]) == 0, "there is no further one"
    events = [(event["actor"], event["reason"]) for event in await database.fetch(EVENTS)]
    assert events == [("ayse", "why"), ("schedule", "step 2 of 3: 10 %"), ("schedule", "step 3 of 3: 50 %")]
    await asyncio.gather(*(each.close() for each in connections))


@pytest.mark.parametrize(
    "wrong",
    [
        {"share": 100.1}, {"share": -1}, {"mode": "random"}, {"mode": "pinned"}, {"candidate_version": None},
        {"candidate_version": "1.0.0"}, {"stable_version": None}, {"mode": "newest"}, {"step": 0},
    ],
)  # fmt: skip
async def test_a_policy_that_makes_no_sense_is_refused(roles: Roles, wrong: dict[str, Any], database: Database) -> None:
    with pytest.raises(asyncpg.CheckViolationError):
        await roles.set(CANARY | wrong, 0)
    assert await database.fetch(EVENTS) == []


async def test_nobody_gets_around_the_audit(roles: Roles) -> None:
    await roles.set(CANARY, 0)
    for statement in (
        "UPDATE predictions.rollout SET share = 100", "DELETE FROM predictions.rollout",
        "DELETE FROM predictions.rollout_event", "UPDATE predictions.rollout_event SET actor = 'x'",
        "SELECT predictions.change_rollout(r, 1, 'a', 'set', 'r', '', '') FROM predictions.rollout AS r",
        "INSERT INTO predictions.rollout SELECT r.* FROM predictions.rollout AS r",
    ):  # fmt: skip
        for role in (roles.service, roles.metrics):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await role.execute(statement)
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await roles.service.execute("SELECT predictions.roll_back('m', 1, 'r')")
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await roles.metrics.execute(END.replace("$1", "'m'").replace("$2", "1").replace("$3", "true"))
