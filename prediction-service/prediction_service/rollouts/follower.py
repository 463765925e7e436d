"""Follows the policies in Postgres, and does for rollouts what a clock must do: steps, counts, the end of lost ones.

Word of a change comes with its commit; besides, Postgres is asked every second, so that a word that was lost costs no
more than that. While Postgres is away the policies known last go on, and nothing changes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic

import structlog
from prometheus_client import Counter, Gauge
from pydantic import ValidationError

from prediction_service.rollouts.on_disk import KnownPolicies, PolicyFile
from prediction_service.rollouts.outcomes import OutcomeWriter
from prediction_service.rollouts.policies import KnownFrom, Policies
from prediction_service.rollouts.store import ChangedBy, RolloutStore
from shared.asyncio.background import Background
from shared.asyncio.clock import UtcNow
from shared.asyncio.group_call import set_or_after
from shared.database.connection import Connector
from shared.database.listening_connection import StoreAwayError

POLL_SECONDS = 1.0

FIRST_LOOK_SECONDS = 2.5
"""How long the start of the service waits for Postgres; then what is on disk holds."""

QUICK_LOOK_SECONDS = 0.3
"""Shorter than the deadline of a health check."""

CLEAN_SECONDS = 3600.0
"""How often outcomes of old are looked for."""

AWAY = Gauge("prediction_rollouts_postgres_away", "1 while policies cannot be read: those known last go on")
CHANGES = Counter("prediction_rollout_changes", "Times that policies in force here have changed")
STEPS = Counter("prediction_rollout_steps", "Steps of schedules that this replica has taken")

log = structlog.get_logger()

LostCandidates = Callable[[], Mapping[str, str]]
"""Model → why its candidate, which was served here, cannot be served any more."""

ServedCandidates = Callable[[], list[str]]
"""The models whose candidates are served here."""


class RolloutFollower:
    """Keeps `policies` up to date. `lost`, `served`: how the candidates are, as the catalogue knows."""

    def __init__(
        self,
        connector: Connector,
        policies: Policies,
        file: PolicyFile,
        now: UtcNow,
        *,
        lost: LostCandidates = dict,
        served: ServedCandidates = list,
    ) -> None:
        self._told = asyncio.Event()
        self.store = RolloutStore(connector, self._told.set)
        self.policies, self._file, self._now = policies, file, now
        self._outcomes = OutcomeWriter(policies)
        self._lost, self._served = lost, served
        self._kept: KnownPolicies | None = None
        self._writing = asyncio.Lock()
        self._cleaned_at = monotonic()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Knows what can be known before the block begins, and follows until it ends."""
        await self._begin()
        try:
            async with Background(self._follow, "rollouts"):
                yield
        finally:
            self.store.disconnect()

    async def look(self) -> None:
        """Asks Postgres once. Raises StoreAwayError: what was known goes on."""
        try:
            policies = await self.store.read()
        except (StoreAwayError, ValidationError) as error:
            self._note_away(error)
            raise StoreAwayError(str(error)) from error
        self._note_back()
        if self.policies.replace(policies, KnownFrom.POSTGRES, self._now()):
            CHANGES.inc()
            for policy in policies:
                log.info(
                    "policy in force", model=policy.model_name, revision=policy.revision, mode=policy.mode,
                    stable=policy.stable_version, candidate=policy.candidate_version, share=policy.share,
                )  # fmt: skip
        if self._kept is None or self._kept.policies != policies:
            self._kept = KnownPolicies(at=self._now(), policies=policies)
            async with self._writing:
                await asyncio.to_thread(self._file.write, self._kept)

    async def look_if_away(self) -> None:
        """Finds out whether Postgres is back, for those who want to know it now."""
        if self.policies.known_from is not KnownFrom.POSTGRES:
            with suppress(StoreAwayError, TimeoutError):
                async with asyncio.timeout(QUICK_LOOK_SECONDS):
                    await self.look()

    async def _begin(self) -> None:
        """What an earlier run knew, and then, if Postgres answers in time, what holds now."""
        earlier = await asyncio.to_thread(self._file.read)
        if earlier is not None:
            self.policies.replace(earlier.policies, KnownFrom.DISK, earlier.at)
        with suppress(StoreAwayError, TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self.look()

    async def _follow(self) -> None:
        while True:
            await set_or_after(self._told, POLL_SECONDS)
            self._told.clear()
            try:
                await self.look()
                await self._end_lost()
                await self._step()
                await self._outcomes.write(self.store, self._now())
                await self._clean()
            except StoreAwayError as error:
                self._note_away(error)
            except Exception:  # whatever it is, the next look must follow
                log.exception("policies cannot be followed")

    async def _end_lost(self) -> None:
        """A candidate that was served here and cannot be any more has failed: the policy must say so."""
        for model, reason in self._lost().items():
            policy = self.policies.of(model)
            by = ChangedBy("service", f"{policy.candidate_version} cannot be served any more: {reason}"[:500])
            ended = await self.store.end(model, policy.revision, by, promotes=False)
            if ended is not None:
                log.warning("rollout ended", model=model, revision=ended.revision, reason=by.reason)
                self.policies.put(ended)

    async def _step(self) -> None:
        """Schedules go on where the candidate is served; nobody else knows whether it could take more."""
        scheduled = [name for name in self._served() if has_further_steps(self.policies, name)]
        if scheduled and (taken := await self.store.step(scheduled)):
            STEPS.inc(taken)
            self._told.set()

    async def _clean(self) -> None:
        if monotonic() - self._cleaned_at > CLEAN_SECONDS:
            self._cleaned_at = monotonic()
            await self.store.drop_old_outcomes()

    def _note_away(self, error: Exception) -> None:
        if self.policies.known_from is KnownFrom.POSTGRES:
            log.warning("policies cannot be read; those known last go on", error=str(error))
        self.policies.lose()
        AWAY.set(1)

    def _note_back(self) -> None:
        if self.policies.known_from is not KnownFrom.POSTGRES:
            log.info("policies are read from postgres")
        AWAY.set(0)


def has_further_steps(policies: Policies, name: str) -> bool:
    """Whether a model's schedule is not at its last step."""
    policy = policies.of(name)
    return policy.steps is not None and policy.step is not None and policy.step < len(policy.steps) - 1
