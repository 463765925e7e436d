"""The virtual environment that packages go into, and what is left of an installation that was killed."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from installer.errors import CannotInstallError, last_line

MARK = "being-installed"
"""A file that lies in an environment while something is installed into it."""


class Environment:
    """A virtual environment at a path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.python = path / "bin" / "python"
        self._mark = path / MARK

    def prepare(self, *, anew: bool, pip: bool) -> None:
        """Makes it unless it is there whole: what was killed half-way cannot be told from what is whole, so it goes.

        Raises CannotInstallError when it cannot be made, or when the path is something else.
        """
        if self._runs() and not self._mark.exists() and not anew:
            return
        if self.path.exists() and not self._may_be_removed():
            raise CannotInstallError(f"{self.path} is there and is no virtual environment; choose another place")
        shutil.rmtree(self.path, ignore_errors=True)
        try:
            self.path.mkdir(parents=True)
        except OSError as error:
            raise CannotInstallError(f"cannot write to {self.path}: {error.strerror}") from error
        self._mark.touch()
        made = run([sys.executable, "-m", "venv", *([] if pip else ["--without-pip"]), str(self.path)])
        if made.returncode != 0:
            shutil.rmtree(self.path, ignore_errors=True)
            raise CannotInstallError(why_no_venv(made.stdout + made.stderr))

    @contextmanager
    def marked(self) -> Iterator[None]:
        """A block that installs; when it does not come to its end, `prepare` begins anew next time."""
        self._mark.touch()
        yield
        self._mark.unlink()

    def has(self, module: str) -> bool:
        """Whether its Python can import a module."""
        return run([str(self.python), "-c", f"import {module}"]).returncode == 0

    def _runs(self) -> bool:
        return self.python.exists() and self.has("sys")

    def _may_be_removed(self) -> bool:
        marks = (self.path / "pyvenv.cfg", self._mark)
        return self.path.is_dir() and (any(mark.exists() for mark in marks) or not any(self.path.iterdir()))


def run(command: list[str]) -> subprocess.CompletedProcess[str]:
    """A command that says nothing while it works."""
    return subprocess.run(command, capture_output=True, text=True, check=False)


def why_no_venv(output: str) -> str:
    """Debian keeps what makes environments in a package of its own, and says so in ten lines."""
    if "ensurepip" in output:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return (
            f"this Python makes no environments: apt-get install python{version}-venv, or choose another with PYTHON="
        )
    return f"cannot make a virtual environment: {last_line(output)}"
