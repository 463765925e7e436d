"""Processes of an earlier run in the same folder whose supervisor was killed: they are ended before a new start."""

import signal
from pathlib import Path

import psutil

from local.environments import MARK

GRACE_SECONDS = 3


def end_leftovers(folder: Path) -> int:
    """Ends every process that belongs to `folder` but this one and its parents; returns how many there were."""
    processes = leftovers(folder)
    for process in processes:
        send(process, signal.SIGINT if process_name(process) == "postgres" else signal.SIGTERM)
    _, stubborn = psutil.wait_procs(processes, timeout=GRACE_SECONDS)
    for process in stubborn:
        send(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=GRACE_SECONDS)
    return len(processes)


def leftovers(folder: Path) -> list[psutil.Process]:
    """The processes that carry the folder's mark; the supervisor first, so that it starts nothing again."""
    ours = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    found = [process for process in psutil.process_iter() if process.pid not in ours and belongs(process, folder)]
    return sorted(found, key=lambda process: process.create_time())


def belongs(process: psutil.Process, folder: Path) -> bool:
    """Whether a process carries the mark. Those of other users cannot be read and are not ours."""
    try:
        return process.environ().get(MARK) == str(folder)
    except (psutil.Error, OSError):
        return False


def process_name(process: psutil.Process) -> str:
    """The program's name, empty when the process has ended."""
    try:
        return process.name()
    except psutil.Error:
        return ""


def send(process: psutil.Process, number: signal.Signals) -> None:
    """Sends a signal to a process that may have ended meanwhile."""
    try:
        process.send_signal(number)
    except psutil.Error:
        return
