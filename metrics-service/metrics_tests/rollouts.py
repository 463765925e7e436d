"""Canaries for tests: policies and outcomes as the prediction-service writes them, with its role."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import asyncpg

from shared.contracts.rollouts import Rollout

SET = "SELECT * FROM predictions.set_rollout($1::jsonb, $2, 'admin', 'a test', '', '')"

COUNT = """
    INSERT INTO predictions.version_outcome VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, $9, $10, now())
    ON CONFLICT (model_name, revision, arm, writer) DO UPDATE SET requests = excluded.requests,
        errors = excluded.errors, time_bins = excluded.time_bins, time_counts = excluded.time_counts
"""

USUAL: Mapping[int, int] = {100: 90, 120: 10}
"""Of a hundred requests: 7.2 ms, and 10.8 ms."""


async def set_policy(connection: asyncpg.Connection, revision: int = 0, **fields: object) -> Rollout:
    """A canary of 10 % that takes the place of the policy of this revision."""
    policy = {
        "model_name": "lexicon", "mode": "canary", "stable_version": "1.0.0", "candidate_version": "2.0.0",
        "share": 10, "sticky": "caller", "promote_by_itself": False, **fields,
    }  # fmt: skip
    row = await connection.fetchrow(SET, json.dumps(policy), revision)
    assert row is not None, "another revision is in force"
    return Rollout.model_validate(
        {
            **row,
            "steps": row["steps"] and json.loads(row["steps"]),
            "guards": row["guards"] and json.loads(row["guards"]),
        }
    )


async def policy_of(connection: asyncpg.Connection, model_name: str = "lexicon") -> asyncpg.Record:
    return await connection.fetchrow("SELECT * FROM predictions.rollout WHERE model_name = $1", model_name)


async def last_event(connection: asyncpg.Connection) -> asyncpg.Record:
    return await connection.fetchrow("SELECT * FROM predictions.rollout_event ORDER BY event_id DESC LIMIT 1")


@dataclass
class Writer:
    """A process of the prediction-service that counts what becomes of a canary's requests."""

    connection: asyncpg.Connection
    policy: Rollout
    id: UUID = field(default_factory=uuid4)
    totals: dict[str, tuple[int, int, dict[int, int]]] = field(default_factory=dict)

    async def count(self, arm: str, requests: int, errors: int = 0, times: Mapping[int, int] = USUAL) -> None:
        """Adds to its totals; `times` says how the answered ones are distributed, in any unit."""
        before, failed, histogram = self.totals.get(arm, (0, 0, {}))
        whole = sum(times.values())
        for key, part in times.items():
            histogram[key] = histogram.get(key, 0) + round((requests - errors) * part / whole)
        self.totals[arm] = (before + requests, failed + errors, histogram)
        version = self.policy.candidate_version if arm == "candidate" else self.policy.stable_version
        await self.connection.execute(
            COUNT, self.policy.model_name, self.policy.revision, arm, self.id, version, self.policy.started_at,
            before + requests, failed + errors, list(histogram), list(histogram.values()),
        )  # fmt: skip
