"""The policies in force here: those known last, in this process's memory. Requests read them, and wait for nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from prediction_service.rollouts.counts import Arm, CountsKey, VersionCounts
from prediction_service.rollouts.sticky import Share
from shared.contracts.rollouts import Rollout, RolloutMode


class KnownFrom(StrEnum):
    """Where the policies in force come from; its values are part of the API."""

    POSTGRES = "postgres"
    """They are what Postgres says now."""
    MEMORY = "memory"
    """Postgres is away: they are what it said last."""
    DISK = "disk"
    """Postgres has been away since the service started: they are what an earlier run of it knew last."""
    NOWHERE = "nowhere"
    """Nothing is known yet: every model serves its newest version."""


@dataclass(slots=True)
class Counted:
    """Totals, and the policy under which they are counted."""

    policy: Rollout
    counts: VersionCounts
    written: int = 0
    """Requests in it when it was written last."""
    idle: int = 0
    """How often since then there was nothing new."""


class InForce:
    """A policy that does not leave everything to the newest version, ready for requests."""

    def __init__(self, policy: Rollout, stable_version: str, counts: Mapping[Arm, VersionCounts]) -> None:
        self.policy, self.stable_version, self.counts = policy, stable_version, counts
        self.is_canary = policy.mode is RolloutMode.CANARY
        has_candidate = policy.mode in {RolloutMode.CANARY, RolloutMode.SHADOW}
        self.candidate_version = policy.candidate_version if has_candidate else None
        """The version that gets a share of the requests, or computes a share of them besides; None: there is none."""
        self._share = Share(policy)

    def wants_candidate(self, headers: Mapping[str, str]) -> bool:
        """Whether a request with these headers belongs to the candidate's share."""
        return self._share.has(headers)


class Policies:
    """Only `replace`, `put` and `lose` change them, on the event loop."""

    def __init__(self) -> None:
        self._all: dict[str, Rollout] = {}
        self._in_force: dict[str, InForce] = {}
        self.counted: dict[CountsKey, Counted] = {}
        """The totals of every canary that this process has seen; whoever writes them drops what is over."""
        self.known_from = KnownFrom.NOWHERE
        self.known_at: datetime | None = None
        """When Postgres, or an earlier run, said so."""

    def in_force(self, name: str) -> InForce | None:
        """What holds for a model; None: its newest version gets everything."""
        return self._in_force.get(name)

    def of(self, name: str) -> Rollout:
        """A model's policy, as it is known here."""
        return self._all.get(name) or Rollout(model_name=name, mode=RolloutMode.NEWEST)

    def all(self) -> list[Rollout]:
        """Every policy that is known, by the models' names."""
        return [self._all[name] for name in sorted(self._all)]

    def replace(self, policies: Iterable[Rollout], known_from: KnownFrom, at: datetime) -> bool:
        """These are all policies from now on. Whether anything changes by that."""
        wanted = {policy.model_name: policy for policy in policies}
        changed = wanted != self._all
        for name in self._all.keys() - wanted.keys():
            self._in_force.pop(name, None)
        for policy in wanted.values():
            if self._all.get(policy.model_name) != policy:
                self._put(policy)
        self._all = wanted
        self.known_from, self.known_at = known_from, at
        return changed

    def put(self, policy: Rollout) -> None:
        """A single policy has changed."""
        self._all[policy.model_name] = policy
        self._put(policy)

    def lose(self) -> None:
        """Postgres is away: what is known goes on."""
        if self.known_from is KnownFrom.POSTGRES:
            self.known_from = KnownFrom.MEMORY

    def _put(self, policy: Rollout) -> None:
        if policy.stable_version is None:
            self._in_force.pop(policy.model_name, None)
            return
        keys = {arm: CountsKey(policy.model_name, policy.revision, arm) for arm in Arm}
        if policy.mode is RolloutMode.CANARY:
            for key in keys.values():
                self.counted.setdefault(key, Counted(policy, VersionCounts()))
        counts = {arm: self.counted[key].counts for arm, key in keys.items() if key in self.counted}
        self._in_force[policy.model_name] = InForce(policy, policy.stable_version, counts)
