"""An environment for each peer, made from its pinned and hashed requirements on first use.

`python -m benchmarks.harness.environments`, or `make bench-peers`, makes all of them.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BENCHMARKS = Path(__file__).parent.parent
PEERS, ENVIRONMENTS = BENCHMARKS / "peers", BENCHMARKS / ".peers"
INSTALL_SECONDS = 600


class NotInstalledError(Exception):
    """A peer that cannot be had here; the message says why."""


@dataclass(frozen=True)
class Environment:
    """A peer's own."""

    name: str

    @property
    def source(self) -> Path:
        """Where its requirements and what it serves lie."""
        return PEERS / self.name

    @property
    def bin(self) -> Path:
        """Its programs."""
        return ENVIRONMENTS / self.name / "bin"

    def version(self, package: str) -> str:
        """Of a package in it."""
        code = f"from importlib.metadata import version; print(version({package!r}))"
        return subprocess.run(
            [self.bin / "python", "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()


@cache
def environment(name: str) -> Environment:
    """The peer's environment, made if it is not there or its requirements have changed. Raises NotInstalledError."""
    found = Environment(name)
    requirements, stamp = found.source / "requirements.txt", ENVIRONMENTS / name / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        print(f"installing {name} …", flush=True)
        uv = Path(sys.executable).parent / "uv"
        run(uv, "venv", "--quiet", "--clear", "--python", sys.executable, ENVIRONMENTS / name)
        run(uv, "pip", "install", "--quiet", "--python", found.bin / "python",
            "--require-hashes", "--requirement", requirements)  # fmt: skip
        shutil.copy(requirements, stamp)
    return found


def run(*command: str | Path) -> None:
    """Raises NotInstalledError with what the program complained of."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS, env=os.environ)
    except subprocess.CalledProcessError as error:
        raise NotInstalledError(error.stderr.strip().splitlines()[-1]) from error
    except (subprocess.TimeoutExpired, OSError) as error:
        raise NotInstalledError(str(error)) from error


def main() -> None:
    """Installs every peer that can be."""
    for folder in sorted(path.parent for path in PEERS.glob("*/requirements.txt")):
        try:
            environment(folder.name)
        except NotInstalledError as error:
            print(f"{folder.name} is left out: {error}")


if __name__ == "__main__":
    main()
