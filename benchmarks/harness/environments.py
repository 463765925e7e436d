"""An environment for each peer, made from its pinned and hashed requirements on first use.

`python -m benchmarks.harness.environments`, or `make bench-peers`, makes all of them.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from importlib import metadata
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

    @property
    def version(self) -> str | None:
        """Of the package that it is named after; None: not installed."""
        folders = (ENVIRONMENTS / self.name).glob("lib/python*/site-packages")
        found = metadata.distributions(name=self.name, path=[str(folder) for folder in folders])
        return next((each.version for each in found), None)


def environment(name: str) -> Environment:
    """The peer's environment. Raises NotInstalledError, however often it is asked for."""
    if why := reason_to_skip(name):
        raise NotInstalledError(why)
    return Environment(name)


@cache
def reason_to_skip(name: str) -> str | None:
    """None once the environment is made; it is tried once, since it may take minutes to find out that it cannot be."""
    try:
        make(Environment(name))
    except NotInstalledError as error:
        return str(error)
    return None


def make(found: Environment) -> None:
    """Installs it if it is not there or its requirements have changed. Raises NotInstalledError."""
    name = found.name
    requirements, stamp = found.source / "requirements.txt", ENVIRONMENTS / name / "requirements.txt"
    if not stamp.exists() or stamp.read_bytes() != requirements.read_bytes():
        print(f"installing {name} …", flush=True)
        run(BENCHMARKS.parent / "deploy" / "install", "--anew", ENVIRONMENTS / name, requirements)
        shutil.copy(requirements, stamp)


def run(*command: str | Path) -> None:
    """Raises NotInstalledError with what the program complained of."""
    try:
        environment = os.environ | {"PYTHON": sys.executable}
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS, env=environment)
    except subprocess.CalledProcessError as error:
        raise NotInstalledError((error.stderr.strip() or str(error)).splitlines()[-1]) from error
    except (subprocess.TimeoutExpired, OSError) as error:
        raise NotInstalledError(str(error)) from error


def names() -> list[str]:
    """Of all peers."""
    return sorted(path.parent.name for path in PEERS.glob("*/requirements.txt"))


def versions() -> dict[str, str]:
    """Of the peers that are installed, each in its own environment."""
    return {f"{name} (peer)": version for name in names() if (version := Environment(name).version)}


def main() -> None:
    """Installs every peer that can be."""
    for name in names():
        if why := reason_to_skip(name):
            print(f"{name} is left out: {why}")


if __name__ == "__main__":
    main()
