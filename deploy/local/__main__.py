"""`python -m local [run | psql … | backup FILE | restore FILE | model-env NAME]`, called by the Makefile.

What is imported for any of these takes a third of a second. Until then a signal finds nothing to end in order.
"""

import importlib
import os
import signal
import sys
from types import FrameType

MODULES = {"run": "run", "psql": "psql", "backup": "backup", "restore": "backup", "model-env": "model_env"}
"""Command → module whose `main` does it."""


def leave(number: int, _: FrameType | None) -> None:
    """Ends the process at once and quietly, as a shell expects it: an exception could be lost amid the imports."""
    os._exit(128 + number)


def main() -> int:
    """Runs one command; returns its exit code."""
    signal.signal(signal.SIGINT, leave)
    name = sys.argv[1] if len(sys.argv) > 1 else "run"
    if name not in MODULES:
        sys.stderr.write(f"usage: python -m local [{' | '.join(MODULES)}]\n")
        return 2
    command = importlib.import_module(f"local.{MODULES[name]}")
    code: int = command.main()
    return code


if __name__ == "__main__":
    raise SystemExit(main())
