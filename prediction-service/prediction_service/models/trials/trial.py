"""All checks of a new model before it serves. Runs in a process of its own; see `runner`."""

from pathlib import Path

from prediction_service.models.folders.manifest import Manifest, OnnxOptions, read_manifest
from prediction_service.models.runtimes.lexicon import LexiconRuntime
from prediction_service.models.trials.examination import check_no_softmax_over_probabilities, examine
from prediction_service.models.trials.own_labels import check_choices, check_order


def try_model(folder: Path) -> Manifest:
    """The manifest, if the model passes all checks. Raises ManifestError and ModelError."""
    manifest = read_manifest(folder)
    if isinstance(manifest.runtime, OnnxOptions):
        try_onnx(folder, manifest, manifest.runtime)
    else:
        examine(LexiconRuntime(manifest), manifest)
    return manifest


def try_onnx(folder: Path, manifest: Manifest, settings: OnnxOptions) -> None:
    """Checks its numbers, then whether they belong to the manifest's labels. Raises ModelError."""
    # Imported here, so that a trial of another kind does not load the library.
    from prediction_service.models.runtimes.onnx import OnnxTextRuntime

    runtime = OnnxTextRuntime(folder, manifest, settings)
    rows = examine(runtime, manifest)
    if settings.softmax:
        check_no_softmax_over_probabilities(runtime.raw(list(rows)))
    if not runtime.output.by_name:
        check_order(manifest.labels, folder, runtime.file, runtime.session.get_modelmeta().custom_metadata_map)
    choices = runtime.choices(list(rows))
    if choices is not None:
        check_choices(list(rows.values()), choices, manifest.labels)
