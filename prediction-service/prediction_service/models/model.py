"""A loaded model: its manifest, its runtime and the queue in front of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from prediction_service.batching.batcher import Batcher
from prediction_service.models.baseline import Baseline
from prediction_service.models.folders.manifest import Manifest
from prediction_service.signature.signature import Instance


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

    def bins_of(self, instances: Sequence[Instance]) -> Sequence[Sequence[int | None] | None]:
        """Of each instance the bins of its inputs; None if the model's baseline has none."""
        bins = None if self.baseline is None else self.baseline.bins
        return [None] * len(instances) if bins is None else bins.of(instances)
