"""What the policies come to in this replica: which version gets what here, and how the candidates are."""

from datetime import datetime

from prediction_service.models.catalogue import Catalogue
from prediction_service.rollouts.policies import Policies
from shared.contracts.rollouts import Rollout, RolloutMode


class Candidates:
    """Looks at the catalogue with the policies in hand. `served` also remembers what it has seen, for `lost`."""

    def __init__(self, catalogue: Catalogue, policies: Policies) -> None:
        self._catalogue, self._policies = catalogue, policies
        self._seen: set[tuple[str, datetime | None]] = set()  # models and rollouts whose candidates were served here

    def shares(self, name: str) -> dict[str, float]:
        """Version → percent of the requests without a version that it gets here now; those with none are left out."""
        policy = self._policies.of(name)
        if policy.stable_version is None:
            return dict.fromkeys(self._catalogue.versions(name)[:1], 100.0)
        if self._catalogue.loaded(name, policy.stable_version) is None:
            return {}
        share = policy.share if policy.mode is RolloutMode.CANARY and self._is_served(policy) else 0.0
        shares = {policy.stable_version: 100 - share, policy.candidate_version or "": share}
        return {version: share for version, share in shares.items() if share}

    def trouble(self, name: str) -> str:
        """Why what the policy of a model says is not what is served here, or not after a start; empty if it is."""
        policy = self._policies.of(name)
        stable, candidate = policy.stable_version, policy.candidate_version
        if stable is not None and self._catalogue.loaded(name, stable) is None:
            return f"the stable version {stable} is not loaded; requests without a version are refused"
        if candidate is not None and not self._is_served(policy):
            reason = self._catalogue.unfit(name, candidate) or "it is not loaded"
            return f"the candidate {candidate} is not served: {reason}; requests get {stable}"
        if stable is not None and (misfit := self._catalogue.misfits(name, stable)):
            return (
                f"the stable version {stable} goes on, but a service that starts would have nothing to serve: {misfit}"
            )
        return ""

    def served(self) -> list[str]:
        """The models whose candidates can be served here now."""
        served = [policy for policy in self._with_candidates() if self._is_served(policy)]
        present = {(policy.model_name, policy.started_at) for policy in self._with_candidates()}
        self._seen = (self._seen & present) | {(policy.model_name, policy.started_at) for policy in served}
        return [policy.model_name for policy in served]

    def lost(self) -> dict[str, str]:
        """Model → why its candidate, which was served here, cannot be served any more.

        One whose call did not return is not lost, it is loaded anew; nor is one that somebody has unloaded.
        """
        self.served()
        found = {
            policy.model_name: self._catalogue.misfits(policy.model_name, policy.candidate_version or "")
            for policy in self._with_candidates()
            if (policy.model_name, policy.started_at) in self._seen
        }
        return {name: reason for name, reason in found.items() if reason}

    def _with_candidates(self) -> list[Rollout]:
        return [policy for policy in self._policies.all() if policy.candidate_version is not None]

    def _is_served(self, policy: Rollout) -> bool:
        name, version = policy.model_name, policy.candidate_version
        return (
            version is not None
            and self._catalogue.loaded(name, version) is not None
            and not self._catalogue.unfit(name, version)
        )
