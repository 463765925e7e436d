"""A rollout from shadow to everybody under load over three replicas, while replicas and Postgres are killed: no request
fails, every one gets the version that its user's hash has, and the audit has every change."""

import asyncio
import random
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from math import sqrt
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.processes.server import ServerProcess
from shared.testing.admin import ADMIN
from shared.testing.postgres import Database, PostgresServer
from tests.replicas import (
    CALLERS,
    CANDIDATE,
    STABLE,
    Load,
    Operator,
    running,
    under_load,
    until_postgres,
    until_recorded,
)
from tests.stack import REPOSITORY

NAME = "sentiment-lexicon"
ROLLOUT = f"/models/{NAME}/rollout"
REPLICAS = 3
KNOWN_EVERYWHERE_SECONDS = 2.0
STAGE_REQUESTS = 500
"""Of each share: enough that a tenth of them is told from a twelfth."""

SIGMAS = 5
"""A share is further from its expectation once in two million draws."""

CANARY = {
    "mode": "canary", "stable_version": STABLE, "candidate_version": CANDIDATE, "sticky": "header:X-User",
}  # fmt: skip


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def is_in(policy: dict[str, Any], user: str) -> bool:
    """Whether a user is in the candidate's share: what docs/rollouts.md says, in other words."""
    began = (datetime.fromisoformat(policy["started_at"]) - EPOCH) // timedelta(microseconds=1)
    digest = blake2b(f"{NAME}\0{began}\0{user}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64 < policy["share"] / 100


@pytest.fixture
def replicas(database: Database, tmp_path: Path) -> Iterator[list[ServerProcess]]:
    models = tmp_path / "models"
    for version in (STABLE, CANDIDATE):
        shutil.copytree(REPOSITORY / "models" / NAME / "1.0.0", models / NAME / version)
    with running(REPLICAS, models, NAME, database, tmp_path) as servers:
        yield servers


@pytest.mark.faults
@pytest.mark.timeout(300)
async def test_a_rollout_under_load_with_kills_in_between(
    replicas: list[ServerProcess], database: Database, postgres_server: PostgresServer, tmp_path: Path
) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    ports = [server.port for server in replicas]
    load = Load(list(ports), random.Random(seed))
    stages: list[tuple[float, float, dict[str, Any]]] = []

    async def enough(since: float) -> None:
        async with asyncio.timeout(60):
            while sum(answered[0] > since for answered in load.answered[-2 * STAGE_REQUESTS :]) < STAGE_REQUESTS:
                await asyncio.sleep(0.05)

    async with httpx.AsyncClient(headers=ADMIN, timeout=20) as client, under_load(load):
        operator = Operator(client, ports, NAME)
        await operator.change("set", "PUT", "", {"mode": "pinned", "stable_version": STABLE})
        shares: list[tuple[str, float]] = [("shadow", 100), *(("canary", share) for share in (1, 10, 50, 100))]
        for mode, share in shares:
            since, policy = await operator.change("set", "PUT", "", CANARY | {"mode": mode, "share": share})
            if share == 10:
                await load.killed(replicas[1])
            if share == 50:
                postgres_server.kill()
                await load.killed(replicas[2])
                refused = await client.put(
                    operator.at(0) + ROLLOUT, json=CANARY | {"share": 60, "revision": operator.revision, "reason": "no"}
                )
                assert refused.status_code == 503
                known = (await client.get(f"{operator.at(2)}/models")).json()
                assert known["rollouts_known_from"] == "disk"
                await asyncio.to_thread(postgres_server.start_and_wait)
                for replica in range(REPLICAS):
                    await until_postgres(client, operator.at(replica))
            await enough(since)
            stages.append((since, time.monotonic(), policy))
        since, policy = await operator.change("promote", "POST", "/promote", {})
        await enough(since)
        stages.append((since, time.monotonic(), policy))
        events = (await client.get(operator.at(1) + f"{ROLLOUT}/history")).json()["events"][::-1]
        await until_recorded(database, [answered[4] for answered in load.answered])

    assert load.failed == []
    assert load.cut_off <= 2 * CALLERS, "at most those that were at one of two replicas when it was killed"
    for since, until, policy in stages:
        check_stage(load, since, until, policy)
    assert operator.slowest < KNOWN_EVERYWHERE_SECONDS
    assert [event["revision"] for event in events] == list(range(1, len(operator.changes) + 1))
    assert [(event["action"], event["reason"], event["policy"]["share"]) for event in events] == operator.changes
    print(f"{len(load.answered)} requests, {load.cut_off} asked twice, policy everywhere in {operator.slowest:.2f} s")


def check_stage(load: Load, since: float, until: float, policy: dict[str, Any]) -> None:
    """Between two policies every user has the version of their hash, and the share is that of a binomial."""
    inside = [one for one in load.answered if since < one[0] and one[1] < until]
    of_candidate = [one for one in inside if one[3] == CANDIDATE]
    wanted = {"pinned": 1.0, "shadow": 0.0, "canary": policy["share"] / 100}[policy["mode"]]
    if policy["mode"] == "canary":
        assert all((version == CANDIDATE) == is_in(policy, user) for _, _, user, version, _ in inside)
    off = abs(len(of_candidate) - wanted * len(inside))
    print(f"{policy['mode']} {policy['share']} %: {len(of_candidate)} of {len(inside)}")
    assert off <= SIGMAS * sqrt(len(inside) * wanted * (1 - wanted))
