"""From a folder to a model that takes requests: manifest, runtime, one run to warm up, a queue."""

import os
from dataclasses import dataclass
from pathlib import Path

from prediction_service.batcher import Batcher, check_probabilities
from prediction_service.manifest import Manifest, read_manifest
from prediction_service.model import Model
from prediction_service.model_folders import ModelFolder
from prediction_service.runtimes.base import ModelError, Runtime
from prediction_service.runtimes.lexicon import LexiconRuntime

WARM_UP_TEXTS = ("Warming up.", "A second text, somewhat longer than the first, so that a batch has to be padded.")


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """What holds for the queue of every model."""

    rows: int
    timeout_seconds: float


def load_model(folder: ModelFolder, bounds: QueueBounds) -> Model:
    """Blocks while it reads and warms up.

    Raises ManifestError or ModelError, and whatever a broken file makes a runtime raise.
    """
    manifest = read_manifest(folder.path)
    runtime = load_runtime(folder.path, manifest)
    warm_up(runtime, manifest)
    batcher = Batcher(
        f"{folder}",
        runtime,
        max_rows=manifest.batching.max_rows,
        workers=manifest.batching.workers or os.cpu_count() or 1,
        queue_rows=bounds.rows,
        timeout_seconds=bounds.timeout_seconds,
    )
    return Model(folder.name, folder.version, manifest, batcher)


def load_runtime(folder: Path, manifest: Manifest) -> Runtime:
    """The runtime that the manifest names."""
    if manifest.runtime.kind == "lexicon":
        return LexiconRuntime(manifest)
    # Here, so that a service without such models does not carry the library.
    from prediction_service.runtimes.onnx import OnnxTextRuntime

    return OnnxTextRuntime(folder, manifest, manifest.runtime)


def warm_up(runtime: Runtime, manifest: Manifest) -> None:
    """The first call of a runtime is slow, and shows whether it fits its manifest. Raises ModelError if not."""
    rows = runtime.probabilities(WARM_UP_TEXTS)
    try:
        check_probabilities(rows, len(WARM_UP_TEXTS))
    except ValueError as error:
        raise ModelError(f"does not compute: {error}") from error
    if any(len(row) != len(manifest.labels) for row in rows):
        raise ModelError(f"gives {len(rows[0])} probabilities for {len(manifest.labels)} labels")
