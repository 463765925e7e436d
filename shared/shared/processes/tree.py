"""Processes that belong together: found by a mark in their environment, which is inherited, and ended together."""

import signal
from collections.abc import Callable, Iterable

import psutil

FORCE_SECONDS = 15
"""How long the system may take to end what was killed."""


def marked(name: str, value: str) -> list[psutil.Process]:
    """The processes with `name`=`value` in their environment, but this one and its parents; the oldest first."""
    ours = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    others = (process for process in psutil.process_iter() if process.pid not in ours)
    return sorted((each for each in others if carries(each, name, value)), key=psutil.Process.create_time)


def carries(process: psutil.Process, name: str, value: str) -> bool:
    """Whether a process carries the mark. Those of other users cannot be read and are not ours."""
    try:
        return process.environ().get(name) == value
    except (psutil.Error, OSError):
        return False


def with_descendants(processes: Iterable[psutil.Process]) -> set[psutil.Process]:
    """The processes and all that they have started: some rewrite their environment, and the mark with it."""
    together = set(processes)
    for process in list(together):
        try:
            together.update(process.children(recursive=True))
        except psutil.Error:
            continue
    return together


def terminate(process: psutil.Process) -> signal.Signals:
    """The signal by which most programs are asked to end."""
    del process
    return signal.SIGTERM


def end(
    processes: Iterable[psutil.Process],
    grace_seconds: float,
    asked_by: Callable[[psutil.Process], signal.Signals] = terminate,
) -> None:
    """Asks each to end, in order; what is still there after the grace is ended by force."""
    asked = list(processes)
    for process in asked:
        send(process, asked_by(process))
    _, stubborn = psutil.wait_procs(asked, timeout=grace_seconds)
    kill(stubborn)


def kill(processes: Iterable[psutil.Process]) -> None:
    """Ends them by force, and returns once they are gone."""
    left = [process for process in processes if process.is_running()]
    for process in left:
        send(process, signal.SIGKILL)
    psutil.wait_procs(left, timeout=FORCE_SECONDS)


def name_of(process: psutil.Process) -> str:
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
