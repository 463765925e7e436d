"""Processes of an earlier run in the same folder whose supervisor was killed: they are ended before a new start."""

import signal
from pathlib import Path

import psutil

from local.environments import MARK
from shared.processes import tree

GRACE_SECONDS = 3


def end_leftovers(folder: Path) -> int:
    """Ends every process that belongs to `folder` but this one and its parents; returns how many there were."""
    processes = leftovers(folder)
    tree.end(processes, GRACE_SECONDS, end_signal)
    return len(processes)


def leftovers(folder: Path) -> list[psutil.Process]:
    """The processes that carry the folder's mark; the supervisor first, so that it starts nothing again."""
    return tree.marked(MARK, str(folder))


def end_signal(process: psutil.Process) -> signal.Signals:
    """Postgres, told by SIGTERM, would wait for its clients."""
    return signal.SIGINT if tree.name_of(process) == "postgres" else signal.SIGTERM
