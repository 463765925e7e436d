"""From a folder to a model that takes requests: manifest, runtime, one run to warm up, a queue."""

import os
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prediction_service.batching.batcher import Batcher
from prediction_service.batching.runtime import Runtime
from prediction_service.models.crashes import Calling, Crashes
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.folders.manifest import Manifest, read_manifest
from prediction_service.models.model import Model
from prediction_service.models.runtimes.lexicon import LexiconRuntime
from prediction_service.models.trials.examination import examine
from prediction_service.models.trials.texts import SHORT

WARM_UP_TEXTS = SHORT[:2]


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """What holds for the queue of every model, and for its calls."""

    rows: int
    timeout_seconds: float
    call_seconds: float = 30.0
    """A call that takes longer makes the model unavailable."""
    memory_bytes: int | None = None
    """What the tensors of an ONNX model may take; None: whatever there is."""


def load_model(
    folder: ModelFolder,
    bounds: QueueBounds,
    manifest: Manifest | None = None,
    digest: str = "",
    crashes: Crashes | None = None,
) -> Model:
    """Blocks while it reads and warms up. `manifest`, `digest`: of the folder, if they are known.

    `crashes` is told of every call that a library of somebody else computes.

    Raises ManifestError or ModelError, and whatever a broken file makes a runtime raise.
    """
    manifest = manifest or read_manifest(folder.path)
    calling = partial(crashes.calling, digest) if crashes else nullcontext
    runtime = load_runtime(folder.path, manifest, bounds.memory_bytes, calling)
    warm_up(runtime, manifest)
    batcher = Batcher(
        f"{folder}",
        runtime,
        max_rows=manifest.batching.max_rows,
        workers=manifest.batching.workers or os.cpu_count() or 1,
        queue_rows=bounds.rows,
        timeout_seconds=bounds.timeout_seconds,
        call_seconds=bounds.call_seconds,
        max_request_tokens=manifest.batching.max_request_tokens,
    )
    return Model(folder.name, folder.version, manifest, batcher, digest)


def load_runtime(
    folder: Path, manifest: Manifest, memory_bytes: int | None = None, calling: Calling = nullcontext
) -> Runtime:
    """The runtime that the manifest names."""
    if manifest.runtime.kind == "lexicon":
        return LexiconRuntime(manifest)
    # Here, so that a service without such models does not carry the library.
    from prediction_service.models.runtimes.onnx import OnnxTextRuntime

    return OnnxTextRuntime(folder, manifest, manifest.runtime, memory_bytes, calling)


def warm_up(runtime: Runtime, manifest: Manifest) -> None:
    """The first call of a runtime is slow, and shows whether it keeps its promises. Raises ModelError if not."""
    examine(runtime, manifest, WARM_UP_TEXTS, ())
