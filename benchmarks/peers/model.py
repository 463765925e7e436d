"""The model that every target serves: this project's own runtimes, so that only the serving differs.

Runs in each peer's environment, with `prediction-service` and `shared` on PYTHONPATH; the folder is named by MODEL.
"""

import os
from pathlib import Path
from typing import Any

from prediction_service.models.folders.manifest_file import read_manifest
from prediction_service.models.folders.runtime_options import OnnxOptions

Answer = dict[str, Any]


class Model:
    """Loaded when it is made."""

    def __init__(self) -> None:
        folder = Path(os.environ["MODEL"])
        manifest = read_manifest(folder)
        self.labels = manifest.labels
        if isinstance(manifest.runtime, OnnxOptions):  # imported late: what it needs is only where it is needed
            from prediction_service.models.runtimes.onnx import OnnxTextRuntime
            from prediction_service.models.runtimes.onnx_file import find_file
            from prediction_service.models.runtimes.onnx_session import OnnxSession

            session = OnnxSession(find_file(folder, manifest.runtime.file))
            self.runtime: Any = OnnxTextRuntime(session, folder, manifest, manifest.runtime)
        else:
            from prediction_service.models.runtimes.lexicon import LexiconRuntime

            self.runtime = LexiconRuntime(manifest)

    def answer(self, texts: list[str]) -> list[Answer]:
        """What is said about each text."""
        return [self._answer(row) for row in self.runtime.compute(texts)]

    def _answer(self, probabilities: list[float]) -> Answer:
        scores = dict(zip(self.labels, probabilities, strict=True))
        label = max(scores, key=scores.__getitem__)
        return {"label": label, "confidence": scores[label], "scores": scores}


def batched() -> bool:
    """Whether texts are worth putting together: a model that gains nothing by it is given one a call."""
    return os.environ.get("BATCHED") == "1"


def workers() -> int:
    """One per processor."""
    return os.cpu_count() or 1
