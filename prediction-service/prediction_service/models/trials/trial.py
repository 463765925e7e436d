"""All checks of a new model before it serves. Runs in a process of its own; see `runner`."""

from collections.abc import Sequence
from pathlib import Path

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.folders.runtime_options import OnnxOptions
from prediction_service.models.runtimes.load import load_runtime
from prediction_service.models.runtimes.python.launch import ProcessBounds
from prediction_service.models.trials.examination import Examined, examine
from prediction_service.models.trials.golden import check_golden
from prediction_service.models.trials.own_labels import LabelledRuntime, check_choices, check_order
from prediction_service.models.trials.samples import samples
from prediction_service.tasks.classification import are_probabilities


def try_model(folder: Path, processes: ProcessBounds | None = None) -> Manifest:
    """The manifest, if the model passes all checks. Raises ManifestError and ModelError.

    `processes`: what holds for the workers of a Python model, if not the defaults.
    """
    manifest = read_manifest(folder)
    runtime = load_runtime(folder, manifest, processes=processes)
    try:
        examined = examine(runtime, manifest, *samples(manifest.signature))
        if isinstance(manifest.runtime, OnnxOptions) and isinstance(runtime, LabelledRuntime) and manifest.labels:
            check_labels(folder, runtime, manifest, examined, softmax=manifest.runtime.softmax)
        check_golden(folder, runtime, manifest)
    finally:
        runtime.stop()
    return manifest


def check_labels(
    folder: Path, runtime: LabelledRuntime, manifest: Manifest, examined: Sequence[Examined], *, softmax: bool
) -> None:
    """Checks that the model's numbers belong to the manifest's labels. Raises ModelError."""
    instances = [one.instance for one in examined]
    if softmax:
        check_no_softmax_over_probabilities(runtime.raw(instances))
    if not runtime.names_labels:
        check_order(manifest.labels, folder, runtime.file, runtime.metadata)
    choices = runtime.choices(instances)
    if choices is not None and manifest.task_type != "multilabel":
        check_choices([one.output for one in examined], choices, manifest.labels)


def check_no_softmax_over_probabilities(raw: Sequence[Sequence[float]]) -> None:
    """Raises ModelError when the manifest says softmax = true and the model's output is probabilities already."""
    if raw and all(map(are_probabilities, raw)):
        raise ModelError(
            "gives numbers that add up to 1 for every text: these are probabilities already, and softmax = true would "
            "make them all nearly alike; leave softmax out"
        )
