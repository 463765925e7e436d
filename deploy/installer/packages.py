"""Packages by their pinned versions and hashes, installed by a uv that is pinned and hashed too."""

import platform
import re
import subprocess
import sys
from pathlib import Path

from installer.environment import Environment, run
from installer.errors import CannotInstallError, last_line
from installer.pip_settings import uv_environment

UV = Path(__file__).parent.parent / "requirements" / "uv.txt"
PINNED = re.compile(r"^uv==(\S+)", re.MULTILINE)
NO_WHEEL = re.compile(r"(\S+?)==(\S+) has no (?:usable )?wheels")


class Installer:
    """uv, for one environment. `folder` is an empty one, for uv itself."""

    def __init__(self, environment: Environment, folder: Path) -> None:
        self._environment = environment
        python = str(environment.python) if environment.has("pip") else sys.executable
        self._pip = [python, "-m", "pip", "--disable-pip-version-check"]
        self._uv = self._found() or self._fetched(folder)
        self._told = uv_environment(self._pip)

    def install(self, requirements: list[Path]) -> None:
        """Exactly what the files name, and from wheels alone: to build from source means unpinned tools for it."""
        files = [word for file in requirements for word in ("--requirement", str(file))]
        self._run("install", "--no-deps", "--require-hashes", "--no-build", *files)

    def install_distributions(self, distributions: list[Path]) -> None:
        """Wheels as they are, folders so that their files are used where they lie; built by what is installed."""
        words = [word for path in distributions for word in (["--editable"] if path.is_dir() else []) + [str(path)]]
        self._run("install", "--no-deps", "--no-build-isolation", *words)

    def check(self) -> None:
        """Raises CannotInstallError when a package lacks another, or has it in a version that it does not take."""
        self._run("check")

    def _found(self) -> Path | None:
        """The environment's own uv, when it is the pinned one."""
        uv = self._environment.path / "bin" / "uv"
        pinned = PINNED.findall(UV.read_text(encoding="utf-8"))
        return uv if uv.exists() and run([str(uv), "--version"]).stdout.split()[1:2] == pinned else None

    def _fetched(self, folder: Path) -> Path:
        """The pinned uv, by pip: of one file without dependencies every pip takes the version that is asked for."""
        options = ["--quiet", "--no-user", "--no-deps", "--require-hashes", "--target", str(folder)]
        fetched = run([*self._pip, "install", *options, "--requirement", str(UV)])
        if fetched.returncode != 0:
            raise CannotInstallError(f"cannot fetch uv: {last_line(fetched.stderr)}")
        return folder / "bin" / "uv"

    def _run(self, *words: str) -> None:
        command = [str(self._uv), "--quiet", "pip", *words, "--python", str(self._environment.python)]
        done = subprocess.run(command, env=self._told, stderr=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise CannotInstallError(complaint(done.stderr))


def complaint(text: str) -> str:
    """A package without a wheel for this machine in our words, anything else in uv's."""
    flat = " ".join(text.split())
    if found := NO_WHEEL.search(flat):
        machine = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
        return f"{found[1]} {found[2]} has no wheel for {machine}; README says which have all: choose one with PYTHON="
    return flat.removeprefix("error: ") or "uv did not say why"
