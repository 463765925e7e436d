"""Builds a model from its folder: manifest, runtime, a warm-up call, and the queue in front of it."""

import os
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial

from prediction_service.batching.batcher import Batcher
from prediction_service.batching.runtime import Runtime
from prediction_service.models.baseline import read_baseline
from prediction_service.models.card import read_card
from prediction_service.models.crashes import Crashes
from prediction_service.models.folders.listing import ModelFolder
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.model import Model
from prediction_service.models.runtimes.load import load_runtime
from prediction_service.models.runtimes.python.launch import ProcessBounds
from prediction_service.models.trials.examination import examine
from prediction_service.models.trials.golden import golden_summary
from prediction_service.models.trials.samples import samples

WARM_UP = 2
"""Instances of the first calls."""


@dataclass(frozen=True, slots=True)
class QueueBounds:
    """Limits of every model's queue and of its calls."""

    rows: int
    timeout_seconds: float
    call_seconds: float = 30.0
    """A call that takes longer makes the model unavailable."""
    memory_bytes: int | None = None
    """Memory that the tensors of an ONNX model may take; None: no limit."""
    processes: ProcessBounds = field(default_factory=ProcessBounds)
    """Limits of the worker processes of Python models."""


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
    golden = golden_summary(folder.path, manifest.signature)
    workers = workers_of(manifest)
    runtime = load_runtime(
        folder.path,
        manifest,
        bounds.memory_bytes,
        calling,
        processes=bounds.processes,
        name=f"{folder}",
        workers=workers,
    )
    try:
        warm_up(runtime, manifest)
    except BaseException:
        runtime.stop()
        raise
    batcher = Batcher(
        f"{folder}",
        runtime,
        manifest.task,
        max_rows=manifest.batching.max_rows,
        workers=workers,
        queue_rows=bounds.rows,
        timeout_seconds=bounds.timeout_seconds,
        call_seconds=bounds.call_seconds,
        max_request_tokens=manifest.batching.max_request_tokens,
        cache_rows=manifest.cache.rows,
        cache_bytes=manifest.cache.megabytes << 20,
    )
    return Model(
        folder.name,
        folder.version,
        manifest,
        batcher,
        digest,
        read_baseline(folder.path, manifest),
        card=read_card(folder.path),
        golden=golden,
    )


def workers_of(manifest: Manifest) -> int:
    """How many calls of the model there may be at the same time."""
    usual = 1 if manifest.runtime.kind == "python" else os.cpu_count() or 1
    return manifest.batching.workers or usual


def warm_up(runtime: Runtime, manifest: Manifest) -> None:
    """The first call of a runtime is slow, and shows whether it keeps its promises. Raises ModelError if not."""
    instances, _ = samples(manifest.signature)
    examine(runtime, manifest, instances[:WARM_UP], ())
