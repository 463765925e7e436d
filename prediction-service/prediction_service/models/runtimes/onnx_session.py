"""An open ONNX model, and calls of it that can be made to end."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from prediction_service.batching.runtime import Calling
from prediction_service.models.runtimes.onnx_file import open_session
from prediction_service.models.runtimes.onnx_runtime import onnxruntime


class OnnxSession:
    """One session, one thread per call: the calls of several workers share the processors."""

    def __init__(self, file: Path, memory_bytes: int | None = None, calling: Calling = nullcontext) -> None:
        self.file = file
        self._session = open_session(file, memory_bytes)
        self._calling = calling
        # All calls share them: once they say `terminate`, those that run end at their next node.
        self._run_options = onnxruntime.RunOptions()
        self._run_options.log_severity_level = 4
        self.inputs: Sequence[Any] = self._session.get_inputs()
        self.outputs: Sequence[Any] = self._session.get_outputs()
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, outputs: Sequence[str], feed: dict[str, Any]) -> Sequence[Any]:
        """The values of the outputs. Raises what ONNX Runtime raises."""
        with self._calling():
            return self._session.run(outputs, feed, self._run_options)  # type: ignore[no-any-return]

    def stop(self) -> None:
        """A call ends at its next node, within loops too; only a single node that never ends goes on."""
        self._run_options.terminate = True


def told(nodes: Sequence[Any]) -> str:
    """Inputs or outputs, for a person."""
    shown = ", ".join(f"{node.name} {node.type} {node.shape}" for node in nodes[:10])
    return shown + (f" and {len(nodes) - 10} more" if len(nodes) > 10 else "")
