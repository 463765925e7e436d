"""The command as a person runs it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

REPOSITORY = Path(__file__).parent.parent.parent

EXAMPLES = REPOSITORY / ".venv-examples" / "bin"
"""An environment with the libraries that models are made with, and without any service's code."""

OWN = Path(sys.executable).parent
"""An environment with the services' code, and without such libraries."""


ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Compiling scikit-learn anew for every command takes longer than all the rest."""


class Ended(NamedTuple):
    """What a command said, and its exit code."""

    code: int
    out: str
    err: str


def modelserver(*words: str | Path, programs: Path = OWN, cwd: Path | None = None) -> Ended:
    """Runs it to its end."""
    command = [programs / "modelserver", *words]
    ended = subprocess.run(command, cwd=cwd, check=False, capture_output=True, text=True, timeout=300, env=ENVIRONMENT)
    return Ended(ended.returncode, ended.stdout, ended.stderr)
