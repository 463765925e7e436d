"""A model that is somebody's own Python, in processes of its own.

Whatever it does there, it costs the rows of its own calls: a process that ends, or a call that takes too long and is
killed, fails those rows, and another process takes its place.
"""

from collections.abc import Sequence
from pathlib import Path

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.plain_files import is_file
from prediction_service.models.folders.runtime_options import PythonOptions
from prediction_service.models.runtimes.python.launch import Launch, ProcessBounds
from prediction_service.models.runtimes.python.messages import Messages
from prediction_service.models.runtimes.python.workers import Workers
from prediction_service.signature.signature import Instance
from prediction_service.tasks.task import Output


class PythonRuntime:
    """Blocks at its making until a first process is ready. Raises ModelError."""

    def __init__(
        self,
        folder: Path,
        manifest: Manifest,
        options: PythonOptions,
        bounds: ProcessBounds,
        *,
        name: str = "",
        workers: int = 1,
    ) -> None:
        if not is_file(folder / options.file):
            raise ModelError(f"has no {options.file}")
        self._messages = Messages(manifest)
        self._workers = Workers(name, Launch(folder, manifest, options, bounds), workers, bounds)
        self._workers.start()

    def compute(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """One call of the model. Raises RowError, MisfitError, ValueError for what it answers, and when it ends."""
        frame = self._workers.ask(self._messages.rows(instances))
        return self._messages.outputs(frame, len(instances))

    def is_quick(self, instances: Sequence[Instance]) -> bool:
        """Whatever it does, it is waited for."""
        return False

    @property
    def unavailable(self) -> str:
        """Why requests cannot be taken just now; empty while they can."""
        return self._workers.unavailable

    @property
    def note(self) -> str:
        """What operators should know of its processes; empty: nothing."""
        return self._workers.note

    def stop(self) -> None:
        """Ends the processes: calls that run fail, and all that come."""
        self._workers.stop()
