"""Builds a model from its folder: manifest, runtime, a warm-up call, and the queue in front of it."""

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
    """Limits of every model's queue and of its calls."""

    rows: int
    timeout_seconds: float
    call_seconds: float = 30.0
    """A call that takes longer makes the model unavailable."""
    memory_bytes: int | None = None
    """Memory that the tensors of an ONNX model may take; None: no limit."""


def load_model(
    folder: ModelFolder,
    bounds: QueueBounds,
    manifest: Manifest | None = None,
    digest: str = "",
    crashes: Crashes | None = None,
) -> Model:
    """Blocks while it reads and warms up. `manifest`, `digest`: of the folder, if the caller has them.

    `crashes` records each call into ONNX Runtime, in case it crashes the process.

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
    # Imported here, so that a service without such models does not load the library.
    from prediction_service.models.runtimes.onnx import OnnxTextRuntime

    return OnnxTextRuntime(folder, manifest, manifest.runtime, memory_bytes, calling)


def warm_up(runtime: Runtime, manifest: Manifest) -> None:
    """Makes the first call, which is slow, and checks its results. Raises ModelError if they are not as promised."""
    examine(runtime, manifest, WARM_UP_TEXTS, ())
