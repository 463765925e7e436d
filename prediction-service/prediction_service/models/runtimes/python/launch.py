"""How the worker processes of one model are started."""

import json
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prediction_service.models.folders.contents import Fingerprint, fingerprint
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.folders.runtime_options import PythonOptions
from prediction_service.models.runtimes.python.environments import environment_of
from prediction_service.models.runtimes.python.messages import Messages
from prediction_service.models.runtimes.python.model_worker import frames

ENVIRONMENT = {
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "ORT_DISABLE_TELEMETRY": "1",
}
"""All that a worker's environment holds: no address, no password. One thread for each: there may be several workers.
ONNX Runtime, if a model uses it, is told to report nothing to its makers."""

OWN_MEMORY_BYTES = 256 << 20
"""What Python and its libraries need besides the model."""

HIDDEN = ("prediction_service", "shared")
"""Packages of the service, beside its libraries where it is installed: a model cannot import them."""

PROGRAM = """\
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
from model_worker import guardian
guardian.main(int(sys.argv[2]))
"""
"""Passed with `-c`. `-I` and `-S`: nothing but this runs before rights are given up."""


@dataclass(frozen=True, slots=True)
class ProcessBounds:
    """What holds for the worker processes of every model."""

    environments: Path = Path("model-environments")
    """Where environments of models with a requirements.txt are."""
    memory_bytes: int | None = None
    """What a worker may take, with all that it starts; None: whatever there is."""
    call_seconds: float = 30.0
    """A call that takes longer is killed with its process."""
    load_seconds: float = 30.0
    """A worker that is not ready by then is killed."""


class Launch:
    """Of one model, as it was when it was loaded. Raises ModelError when its environment is not there."""

    def __init__(self, folder: Path, manifest: Manifest, options: PythonOptions, bounds: ProcessBounds) -> None:
        self.folder = folder.absolute()
        self._loaded: Fingerprint = fingerprint(self.folder)
        environment = environment_of(self.folder, bounds.environments)
        memory = None if bounds.memory_bytes is None else bounds.memory_bytes + OWN_MEMORY_BYTES
        self._interpreter = str(environment / "bin" / "python") if environment else sys.executable
        own = [] if environment else sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})
        self._settings: dict[str, Any] = Messages(manifest).settings() | {
            "folder": str(self.folder),
            "file": options.file,
            "environment": environment is not None,
            "path": own,
            "hidden": [] if environment else HIDDEN,
            "readable": [*own, *([str(environment)] if environment else []), str(self.folder)],
            "memory": memory,
            "program": str(Path(__file__).parent),
        }

    def command(self, descriptor: int) -> list[str]:
        """What is run; it finds its end of the sockets under this number."""
        return [self._interpreter, "-I", "-S", "-u", "-c", PROGRAM, self._settings["program"], str(descriptor)]

    def setup(self) -> bytes:
        """The first frame."""
        settings = self._settings | {"parent": os.getpid()}
        return b"".join(frames.numbered(0, frames.parts(frames.SETUP, json.dumps(settings).encode())))

    def has_changed(self) -> bool:
        """Whether the folder holds something else than what was loaded: that has not been tried."""
        return fingerprint(self.folder) != self._loaded
