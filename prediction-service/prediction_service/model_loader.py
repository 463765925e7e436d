"""From a folder to a model that takes requests: manifest, runtime, one run to warm up, a queue."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from prediction_service.batcher import Batcher
from prediction_service.manifest import Manifest, read_manifest
from prediction_service.model import Model
from prediction_service.model_folders import ModelFolder
from prediction_service.models.outputs import NotProbabilities, checked
from prediction_service.runtimes.base import ModelError, Runtime
from prediction_service.runtimes.lexicon import LexiconRuntime

WARM_UP_TEXTS = ("Warming up.", "A second text, somewhat longer than the first, so that a batch has to be padded.")

BATCH_TOLERANCE = 1e-5
"""How far a probability may be from what it is when the text is alone. Dynamic int8 misses it by far: its scale is that
of the whole batch."""


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
    """The first call of a runtime is slow, and shows whether it keeps its promises. Raises ModelError if not."""
    alone = [row for text in WARM_UP_TEXTS for row in computed(runtime, [text])]
    for row in alone:
        if len(row) != len(manifest.labels):
            raise ModelError(f"gives {len(row)} probabilities for {len(manifest.labels)} labels")
    if manifest.batching.max_rows > 1 and not same(alone, computed(runtime, WARM_UP_TEXTS)):
        raise ModelError("says something else about a text in company than alone; if that must be, say max_rows = 1")


def computed(runtime: Runtime, texts: Sequence[str]) -> Sequence[Sequence[float]]:
    """One call of the model, checked."""
    try:
        rows = checked(runtime.probabilities(texts), len(texts))
    except ValueError as error:
        raise ModelError(f"does not compute: {error}") from error
    for row in rows:
        if isinstance(row, NotProbabilities):
            raise ModelError(f"gives no probabilities: {row}; if these are logits, say softmax = true")
    return [row for row in rows if not isinstance(row, NotProbabilities)]


def same(rows: Sequence[Sequence[float]], others: Sequence[Sequence[float]]) -> bool:
    """Whether no probability differs by more than what the order of additions explains."""
    return all(
        abs(one - other) <= BATCH_TOLERANCE
        for row, other_row in zip(rows, others, strict=True)
        for one, other in zip(row, other_row, strict=True)
    )
