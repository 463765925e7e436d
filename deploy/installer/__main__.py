"""Installs pinned, hashed packages into a virtual environment, without a resolver and without building anything.

What is installed depends on the files that are named and on nothing that an index offers that day. pip fetches uv by
its pinned hash; uv installs the files, then the project's own distributions, and checks that all fit together.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from installer.environment import Environment
from installer.errors import CannotInstallError
from installer.packages import Installer

USAGE = "%(prog)s [--anew] [--without-pip] [--unchecked] ENVIRONMENT REQUIREMENTS... [-- DISTRIBUTION...]"


def main(words: list[str]) -> int:
    """Installs; returns the exit code."""
    options = parsed(words)
    environment = Environment(options.environment.absolute())
    try:
        environment.prepare(anew=options.anew, pip=not options.without_pip)
        with environment.marked(), tempfile.TemporaryDirectory() as folder:
            installer = Installer(environment, Path(folder))
            installer.install(options.requirements)
            if options.distributions:
                installer.install_distributions(options.distributions)
            if not options.unchecked:
                installer.check()
    except CannotInstallError as error:
        sys.stderr.write(f"install: {error}\n")
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def parsed(words: list[str]) -> argparse.Namespace:
    """The command line; what stands behind `--` are distributions."""
    ours, distributions = words, list[str]()
    if "--" in words:
        at = words.index("--")
        ours, distributions = words[:at], words[at + 1 :]
    parser = argparse.ArgumentParser("deploy/install", description=__doc__, usage=USAGE)
    parser.add_argument("--anew", action="store_true", help="make the environment again, whatever is there")
    parser.add_argument("--without-pip", action="store_true", help="make it without pip, as for an image")
    parser.add_argument("--unchecked", action="store_true", help="a package whose data alone is wanted may lack others")
    parser.add_argument("environment", type=Path)
    parser.add_argument("requirements", type=Path, nargs="+", help="files of pinned and hashed packages")
    options = parser.parse_args(ours)
    options.distributions = [Path(path) for path in distributions]
    return options


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
