"""The runtime of a folder's model, as its manifest names it.

A trial needs this and nothing of the service around it, so nothing of that is imported here; of the libraries below the
runtimes, only those that the model needs.
"""

from contextlib import nullcontext
from pathlib import Path

from prediction_service.batching.runtime import Calling, Runtime
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.runtimes.python.launch import ProcessBounds


def load_runtime(
    folder: Path,
    manifest: Manifest,
    memory_bytes: int | None = None,
    calling: Calling = nullcontext,
    *,
    processes: ProcessBounds | None = None,
    name: str = "",
    workers: int = 1,
) -> Runtime:
    """The runtime that the manifest names. Raises ModelError, and whatever a broken file makes a library raise."""
    if manifest.runtime.kind == "lexicon":
        from prediction_service.models.runtimes.lexicon import LexiconRuntime

        return LexiconRuntime(manifest)
    if manifest.runtime.kind == "python":
        from prediction_service.models.runtimes.python.runtime import PythonRuntime

        return PythonRuntime(
            folder, manifest, manifest.runtime, processes or ProcessBounds(), name=name, workers=workers
        )
    from prediction_service.models.runtimes.onnx import OnnxTextRuntime, takes_texts
    from prediction_service.models.runtimes.onnx_file import find_file
    from prediction_service.models.runtimes.onnx_rows import OnnxRowsRuntime
    from prediction_service.models.runtimes.onnx_session import OnnxSession

    session = OnnxSession(find_file(folder, manifest.runtime.file), memory_bytes, calling)
    if takes_texts(folder, manifest, manifest.runtime):
        return OnnxTextRuntime(session, folder, manifest, manifest.runtime)
    return OnnxRowsRuntime(session, manifest, manifest.runtime)
