"""A loaded model: its manifest, its runtime and the queue in front of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from prediction_service.batching.batcher import Batcher
from prediction_service.models.folders.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Model:
    """One version of a model, ready to compute."""

    name: str
    version: str
    manifest: Manifest
    batcher: Batcher
    digest: str = ""
    """`sha256:…` of its folder's files when it was loaded."""

    def scores(self, probabilities: Sequence[float]) -> dict[str, float]:
        """Label → probability."""
        return dict(zip(self.manifest.labels, probabilities, strict=True))
