"""Writes the running totals of canaries to Postgres, where the guards read them: those that have changed, as a whole.

While Postgres is away they add up here; what is written is always everything since the process began to count, so to
write it twice counts nothing twice. A process that is killed loses what it has counted since the last time, a second.
"""

from datetime import datetime
from typing import Any
from uuid import uuid4

from prediction_service.rollouts.counts import Arm, CountsKey
from prediction_service.rollouts.policies import Counted, Policies
from prediction_service.rollouts.store import RolloutStore

IDLE_LOOKS = 120
"""Looks, a second apart, after which totals of a policy that is over are dropped: no request takes so long."""


class OutcomeWriter:
    """Of one process."""

    def __init__(self, policies: Policies) -> None:
        self._policies, self._writer = policies, str(uuid4())

    async def write(self, store: RolloutStore, now: datetime) -> None:
        """One statement for all that has changed, if anything has. Raises StoreAwayError."""
        changed = {key: each for key, each in self._policies.counted.items() if each.counts.requests != each.written}
        if changed:
            counts = {key: each.counts.requests for key, each in changed.items()}
            await store.write_outcomes([self._row(key, each, now) for key, each in changed.items()])
            for key, each in changed.items():
                each.written, each.idle = counts[key], 0
        self._drop_over()

    def _row(self, key: CountsKey, counted: Counted, now: datetime) -> dict[str, Any]:
        policy = counted.policy
        version = policy.candidate_version if key.arm is Arm.CANDIDATE else policy.stable_version
        return {
            "model_name": key.model_name,
            "revision": key.revision,
            "arm": key.arm,
            "writer": self._writer,
            "model_version": version,
            "started_at": policy.started_at,
            "updated_at": now,
            **counted.counts.row(),
        }

    def _drop_over(self) -> None:
        """Forgets totals of policies that are over, once they have not changed for long."""
        for key, counted in list(self._policies.counted.items()):
            if self._policies.of(key.model_name).revision == key.revision:
                continue
            counted.idle = counted.idle + 1 if counted.counts.requests == counted.written else 0
            if counted.idle > IDLE_LOOKS:
                del self._policies.counted[key]
