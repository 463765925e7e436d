"""A loaded model: its manifest, its runtime and the queue in front of it."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from prediction_service.batching.batcher import Batcher
from prediction_service.models.baseline import Baseline
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.trials.golden import NO_GOLDEN_ROWS, GoldenSummary
from prediction_service.rollouts.counts import VersionCounts
from prediction_service.signature.signature import Instance


class Shadow(NamedTuple):
    """Who computes a request besides, for nobody, and since when there is this rollout."""

    candidate: "Model"
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model, ready to compute."""

    name: str
    version: str
    manifest: Manifest
    batcher: Batcher
    digest: str = ""
    """`sha256:…` over what was in its folder when it was loaded."""
    baseline: Baseline | None = None
    card: str | None = None
    """What its author says of it, as Markdown; None: nothing."""
    golden: GoldenSummary = NO_GOLDEN_ROWS
    counts: VersionCounts | None = None
    """Where a canary counts what becomes of the requests that it sends here; None: nobody counts."""
    instead: "Model | None" = None
    """Of a canary's candidate: who responds when this one cannot."""
    shadow: Shadow | None = None
    """Who computes the same besides."""

    @property
    def is_compared(self) -> bool:
        """Whether a rollout holds its times against those of another version, whose cache knows other rows."""
        return self.counts is not None or self.shadow is not None

    def bins_of(self, instances: Sequence[Instance]) -> Sequence[Sequence[int | None] | None]:
        """Of each instance the bins of its inputs; None if the model's baseline has none."""
        bins = None if self.baseline is None else self.baseline.bins
        return [None] * len(instances) if bins is None else bins.of(instances)

    def in_canary(self, counts: VersionCounts, instead: "Model | None" = None) -> "Model":
        """The same model, for a request that a canary sends here."""
        return replace(self, counts=counts, instead=instead)

    def in_shadow(self, candidate: "Model", started_at: datetime | None) -> "Model":
        """The same model, for a request that the candidate computes besides, if it takes the same inputs."""
        if started_at is None or candidate.manifest.inputs != self.manifest.inputs:
            return self
        return replace(self, shadow=Shadow(candidate, started_at))

    def speaks_like(self, other: "Model") -> bool:
        """Whether both take the same and give the same, so that one can stand in for the other within a request."""
        return all(getattr(self.manifest, name) == getattr(other.manifest, name) for name in SPOKEN)


SPOKEN = ("task_type", "labels", "inputs", "unit", "dimension", "outputs")
"""What of a manifest a client can see in requests and responses."""
