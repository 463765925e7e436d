"""`modelserver`: reads the command line and runs one of its commands.

Exit codes: 0, all is well; 1, something is not good enough (a folder refused, a conversion that differs, rows
that were not predicted, a key that a gateway refuses to change); 2, asked wrongly, or something is not installed; 3, a
file is not yet predicted to its end, a gateway did not respond.
"""

import argparse
import sys
from collections.abc import Sequence

from modelserver import check, keys, new, predict
from modelserver.errors import CommandError
from modelserver.importing import command as importing

COMMANDS = (new, importing, check, predict, keys)

INTERRUPTED = 130
"""Ctrl-C, as shells have it."""


def main(words: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    options = parser().parse_args(words)
    try:
        return int(options.run(options))
    except CommandError as error:
        sys.stderr.write(f"modelserver {options.command}: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 1


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser("modelserver", description="Models for the FastAPI Model Server.")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for each in COMMANDS:
        each.add_to(commands)
    return top
