"""A loaded model: its manifest, its runtime and the queue in front of it."""

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
    """`sha256:…` over what was in its folder when it was loaded."""
