"""Looks at every canary each second: rolls a bad candidate back, promotes a good one where the policy says so.

Runs in the replica that leads. Another one that takes over goes on with the evidence that was kept, and leaves out what
came meanwhile: evidence may be lost by that and never counts twice.
"""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime

import structlog
from prometheus_client import Counter

from metrics_service.alerts.store import AlertStore
from metrics_service.guards.judge import Judge
from metrics_service.guards.promotion import promotion
from metrics_service.guards.store import Canary, GuardStore
from metrics_service.guards.totals import Pair, Requests, Totals
from metrics_service.guards.words import condemning, readings, reason
from metrics_service.thresholds.store import ThresholdStore
from metrics_service.watch.rollbacks import rollback_readings
from shared.asyncio.clock import UtcNow
from shared.contracts.guards import GuardName, Guards

LOOK_SECONDS = 1.0
"""Between two looks: prediction-services write down what they count as often."""

ENDED = Counter("metrics_rollouts_ended", "Canaries that guards have ended", ["model_name", "how", "guard"])

log = structlog.get_logger()

Key = tuple[str, datetime]
"""A model and when its rollout began."""


@dataclass(slots=True)
class RolloutWatch:
    """Judges canaries; DatabaseUnavailable ends the run. Mutable: the judges of those that are on."""

    store: GuardStore
    thresholds: ThresholdStore
    alerts: AlertStore
    clock: UtcNow
    _judges: dict[Key, Judge] = field(default_factory=dict)

    async def run(self) -> None:
        """A look each second, for ever; whoever no longer leads forgets what it has judged."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._judges.clear()

    async def look(self) -> None:
        """One look at every canary."""
        canaries = await self.store.canaries()
        on = {key_of(canary) for canary in canaries}
        self._judges = {key: judge for key, judge in self._judges.items() if key in on}
        for canary in canaries:
            await self._look_at(canary)

    async def _look_at(self, canary: Canary) -> None:
        """One canary: what has come of it, and what that amounts to."""
        name, now = canary.rollout.model_name, self.clock()
        totals = await self.store.totals(canary, now)
        judge = self._judges.get(key_of(canary)) or await self._begin(canary, totals)
        judge.guards = canary.rollout.guards or Guards()
        judge.look(totals, await self.thresholds.get(name))
        seen, guard = readings(judge, totals), condemning(judge)
        await self.store.save(canary, judge.evidence, seen, guard, now)
        if guard is not None:
            await self._end(canary, "roll_back", reason(guard, judge, totals, canary.versions), guard)
            return
        revision = totals.requests.get(canary.rollout.revision, Pair(Requests(), Requests()))
        requests = Pair(revision.candidate.number, revision.stable.number)
        why = promotion(canary.rollout, seen, requests, now)
        if why is not None:
            await self._end(canary, "promote", why, None)

    async def _begin(self, canary: Canary, totals: Totals) -> Judge:
        """A judge with the evidence that there is already."""
        kept = await self.store.evidence(canary)
        judge = self._judges[key_of(canary)] = Judge(canary.rollout.guards or Guards(), kept or {})
        if kept is not None:
            judge.start_at(totals)
        await self._tell(canary.rollout.model_name)  # the alert of a rollback before it ends
        return judge

    async def _end(self, canary: Canary, how: str, why: str, guard: GuardName | None) -> None:
        """Rolls back or promotes, unless the policy was changed meanwhile, and tells whoever is to be told."""
        name = canary.rollout.model_name
        if await self.store.end(canary, how, why):
            log.warning("rollout ended", model_name=name, how=how, reason=why, candidate=canary.versions.candidate)
            ENDED.labels(name, how, guard or "").inc()
            await self._tell(name)

    async def _tell(self, model_name: str) -> None:
        """Opens or closes the alert of the model's last rollback."""
        now = self.clock()
        found = await rollback_readings(self.store.engine, model_name, now)
        if found:
            await self.alerts.apply(model_name, found, now)


def key_of(canary: Canary) -> Key:
    """What tells rollouts apart."""
    return canary.rollout.model_name, canary.started_at
