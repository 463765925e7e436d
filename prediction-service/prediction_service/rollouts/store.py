"""Policies in Postgres: read, changed by the functions of the migrations, which write the audit, and listened for.

Postgres away or slow beyond STATEMENT_SECONDS: StoreAwayError. A change of which that is said may have been made; it
names the revision that it replaces, so to try it again does no harm.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from pydantic import TypeAdapter

from shared.contracts.rollouts import Rollout, RolloutEvent
from shared.database.connection import Connector
from shared.database.listening_connection import ListeningConnection

CHANNEL = "rollouts"

READ = "SELECT coalesce(jsonb_agg(to_jsonb(rollout)), '[]') FROM predictions.rollout"

SET = "SELECT to_jsonb(r) FROM predictions.set_rollout($1::jsonb, $2, $3, $4, $5, $6, $7::uuid) AS r"

END = "SELECT to_jsonb(r) FROM predictions.end_rollout($1, $2, $3, $4, $5, $6, $7, $8::uuid) AS r"

STEP = "SELECT count(*) FROM predictions.step_rollouts($1)"

HISTORY = """
SELECT coalesce(jsonb_agg(to_jsonb(event)), '[]') FROM (
    SELECT * FROM predictions.rollout_event WHERE model_name = $1 ORDER BY revision DESC LIMIT $2
) AS event
"""

WRITE_OUTCOMES = """
INSERT INTO predictions.version_outcome AS known
SELECT given.* FROM jsonb_populate_recordset(NULL::predictions.version_outcome, $1::jsonb) AS given
ON CONFLICT (model_name, revision, arm, writer) DO UPDATE SET
    requests = excluded.requests, errors = excluded.errors, seconds_sum = excluded.seconds_sum,
    seconds_squares = excluded.seconds_squares, time_bins = excluded.time_bins, time_counts = excluded.time_counts,
    updated_at = excluded.updated_at
"""

DROP_OLD_OUTCOMES = """
DELETE FROM predictions.version_outcome AS outcome WHERE updated_at < now() - interval '90 days' AND NOT EXISTS (
    SELECT FROM predictions.rollout AS policy
    WHERE policy.model_name = outcome.model_name AND policy.started_at = outcome.started_at
)
"""

POLICIES = TypeAdapter(list[Rollout])
EVENTS = TypeAdapter(list[RolloutEvent])


@dataclass(frozen=True, slots=True)
class ChangedBy:
    """Who changes a policy, and why, for the audit."""

    actor: str
    reason: str
    request_id: str = ""
    client_address: str = ""
    key_id: str | None = None


class RolloutStore:
    """`told` hears of changes."""

    def __init__(self, connector: Connector, told: Callable[[], None]) -> None:
        self._connection = ListeningConnection(connector, CHANNEL, told)
        self.disconnect = self._connection.drop
        self._latest: tuple[str, list[Rollout]] = ("[]", [])

    async def read(self) -> list[Rollout]:
        """All policies. Raises StoreAwayError; ValidationError for those of a newer release that mean something new."""
        text = await self._connection.value(READ)
        if text != self._latest[0]:
            self._latest = (text, POLICIES.validate_json(text))
        return self._latest[1]

    async def set(self, wanted: dict[str, Any], expected: int, by: ChangedBy) -> Rollout | None:
        """Puts a policy in the place of the one with that revision; None: another one is in force."""
        text = await self._connection.value(
            SET,
            orjson.dumps(wanted).decode(),
            expected,
            by.actor,
            by.reason,
            by.request_id,
            by.client_address,
            by.key_id,
        )
        return None if text is None else Rollout.model_validate_json(text)

    async def end(self, model: str, expected: int, by: ChangedBy, *, promotes: bool) -> Rollout | None:
        """Makes the candidate stable, or drops it; None: another policy is in force, or there is no candidate."""
        text = await self._connection.value(
            END, model, expected, promotes, by.actor, by.reason, by.request_id, by.client_address, by.key_id
        )
        return None if text is None else Rollout.model_validate_json(text)

    async def step(self, models: Sequence[str]) -> int:
        """Takes the steps that are due, of these models alone; how many this replica has taken."""
        return int(await self._connection.value(STEP, list(models)))

    async def history(self, model: str, limit: int) -> list[RolloutEvent]:
        """The newest lines of a model's audit."""
        return EVENTS.validate_json(await self._connection.value(HISTORY, model, limit))

    async def write_outcomes(self, rows: list[dict[str, Any]]) -> None:
        """Replaces what was written before of the same totals."""
        await self._connection.value(WRITE_OUTCOMES, orjson.dumps(rows).decode())

    async def drop_old_outcomes(self) -> None:
        """Of rollouts that nobody asks about any more."""
        await self._connection.value(DROP_OLD_OUTCOMES)
