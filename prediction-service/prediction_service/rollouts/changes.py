"""What operators do to policies: checked, written with its audit, and in force here before it is answered.

Postgres away: RolloutsUnavailable, and the policy known last goes on.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress

from prediction_service.rollouts.checking import Unfit, wanted_policy
from prediction_service.rollouts.follower import RolloutFollower
from prediction_service.rollouts.store import ChangedBy
from shared.contracts.rollouts import Rollout, RolloutChange, RolloutEnd, RolloutEvent
from shared.database.listening_connection import StoreAwayError
from shared.http.problems import Problem

RETRY_AFTER_SECONDS = 2

Versions = Callable[[str], Sequence[str]]
"""The loaded versions of a model."""


class RolloutsUnavailable(Problem):
    """Postgres is away: policies can be followed, as they were known last, and not changed."""

    status = 503
    type = "urn:problem-type:database-away"
    title = "Database Away"

    def __init__(self) -> None:
        super().__init__(
            "The policy cannot be changed, nor its audit read, at the moment; what was known last goes on. "
            "A change names the revision that it replaces, so it may be tried again.",
            headers={"Retry-After": str(RETRY_AFTER_SECONDS)},
        )


class RolloutMoved(Problem):
    """Somebody else has changed the policy meanwhile."""

    status = 409
    type = "urn:problem-type:rollout-moved"
    title = "Rollout Moved"

    def __init__(self, policy: Rollout, expected: int) -> None:
        super().__init__(
            f"The policy of {policy.model_name} is at revision {policy.revision}, not {expected}; read it again.",
            revision=policy.revision,
        )


class NoCandidate(Problem):
    """There is nothing to promote, or to go back from."""

    status = 409
    type = "urn:problem-type:no-candidate"
    title = "No Candidate"

    def __init__(self, policy: Rollout) -> None:
        super().__init__(f"The policy of {policy.model_name} is {policy.mode}, without a candidate.")


class RolloutChanges:
    """The use cases, independent of HTTP."""

    def __init__(self, follower: RolloutFollower, versions: Versions, unfit: Callable[[str, str], str]) -> None:
        self._follower, self._store, self._policies = follower, follower.store, follower.policies
        self._versions, self._unfit = versions, unfit

    async def newest(self, model: str) -> Rollout:
        """The policy of a model: as Postgres has it, or as it is known here while that is away."""
        with suppress(StoreAwayError):
            await self._follower.look()
        return self._policies.of(model)

    async def set(self, model: str, change: RolloutChange, by: ChangedBy) -> Rollout:
        """Raises InvalidRequest, RolloutMoved, RolloutsUnavailable."""
        wanted = wanted_policy(model, change, self._versions(model), self._unfit_of(model))
        try:
            policy = await self._store.set(wanted, change.revision, by)
        except StoreAwayError:
            raise RolloutsUnavailable from None
        return await self._in_force(policy, model, change.revision)

    async def end(self, model: str, end: RolloutEnd, by: ChangedBy, *, promotes: bool) -> Rollout:
        """Raises RolloutMoved, NoCandidate, RolloutsUnavailable."""
        try:
            policy = await self._store.end(model, end.revision, by, promotes=promotes)
        except StoreAwayError:
            raise RolloutsUnavailable from None
        return await self._in_force(policy, model, end.revision)

    async def history(self, model: str, limit: int) -> list[RolloutEvent]:
        """The newest lines of the audit. Raises RolloutsUnavailable."""
        try:
            return await self._store.history(model, limit)
        except StoreAwayError:
            raise RolloutsUnavailable from None

    async def _in_force(self, policy: Rollout | None, model: str, expected: int) -> Rollout:
        """The policy that was written, in force here. Raises RolloutMoved or NoCandidate when none was."""
        if policy is not None:
            self._policies.put(policy)
        now = await self.newest(model)
        if policy is not None:
            return policy
        raise RolloutMoved(now, expected) if now.revision != expected else NoCandidate(now)

    def _unfit_of(self, model: str) -> Unfit:
        return lambda version: self._unfit(model, version)
