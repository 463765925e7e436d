"""`python -I -S -c "…; guardian.main(descriptor)"`: starts the worker, and outlives it to end all that it started.

Orphans come to it (PR_SET_CHILD_SUBREAPER), so that nothing that a model starts can get away. It ends with the service,
when it is told to (SIGTERM), when the worker ends, and when all of them together take more than they may.
"""

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator
from typing import Any

from . import frames
from .confinement import MOST_TASKS, PR_SET_PDEATHSIG, ConfinementError, confine

PR_SET_CHILD_SUBREAPER = 36

LOOK_SECONDS = 1.0
"""How often it is looked at what the worker takes."""

END_SECONDS = 5.0
"""How long processes may take to die."""

SIGNALLED = 128
"""What a shell adds to a signal's number to make it an exit code."""

TOO_MANY_TASKS, TOO_MUCH_MEMORY = 97, 98
"""Exit codes of a guardian that ended its worker by itself."""


def main(descriptor: int) -> None:
    """Does not return."""
    setup = frames.read(descriptor)
    if setup is None:
        os._exit(0)
    settings = json.loads(setup.text)
    tie_to_service(settings["parent"])
    ended, wake = os.pipe()
    os.set_blocking(wake, False)
    guardian = os.getpid()
    worker = os.fork()
    if not worker:
        os.close(ended)
        os.close(wake)
        work(descriptor, settings, guardian)
    os.close(descriptor)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    told: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told.append(number))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    code = watch(worker, ended, told, settings["memory"] or inherited_memory())
    end_all(worker)
    os._exit(code)


def tie_to_service(service: int) -> None:
    """Orphans come to this process, and it is told when the service ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != service:
        os._exit(1)


def inherited_memory() -> int | None:
    """The bound of whoever started this process; None: there is none."""
    soft, _ = resource.getrlimit(resource.RLIMIT_DATA)
    return None if soft == resource.RLIM_INFINITY else soft


def work(descriptor: int, settings: dict[str, Any], guardian: int) -> None:
    """In the child: the worker, confined. Does not return."""
    from . import serving

    try:
        python = [sys.base_prefix, sys.base_exec_prefix]
        confine(settings["memory"], [*python, *settings["readable"]], guardian)
    except ConfinementError as error:
        frames.write(descriptor, 0, frames.parts(frames.MISFIT, str(error).encode()))
        os._exit(1)
    serving.serve(descriptor, settings)


def watch(worker: int, ended: int, told: list[int], memory_bytes: int | None) -> int:
    """Waits until the worker has ended, or has to; its exit code."""
    looked = time.monotonic()
    while not told:
        if select.select([ended], [], [], LOOK_SECONDS)[0]:
            os.read(ended, 4096)
        if (code := reaped(worker)) is not None:
            return code
        if time.monotonic() - looked >= LOOK_SECONDS:
            looked = time.monotonic()
            if excess := beyond(memory_bytes):
                return excess
    return SIGNALLED + signal.SIGTERM


def reaped(worker: int) -> int | None:
    """Takes away what has ended; the worker's exit code if it was among that."""
    found = None
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if not process:
            return found
        if process == worker:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else SIGNALLED - code


def end_all(worker: int) -> None:
    """Kills everything below, again and again, until nothing is left."""
    end = time.monotonic() + END_SECONDS
    while time.monotonic() < end:
        with contextlib.suppress(OSError):
            os.killpg(worker, signal.SIGKILL)  # where descendants cannot be listed
        for process in {worker, *descendants(os.getpid())}:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:
                continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.002)


def beyond(memory_bytes: int | None) -> int | None:
    """The exit code that says what the worker, with all that it started, takes too much of; None: nothing."""
    tasks = kibibytes = 0
    for process in descendants(os.getpid()):
        try:
            tasks += len(os.listdir(f"/proc/{process}/task"))
            with open(f"/proc/{process}/status", encoding="ascii", errors="replace") as file:
                kibibytes += sum(int(line.split()[1]) for line in file if line.startswith(("RssAnon:", "RssShmem:")))
        except OSError:
            continue
    if tasks > MOST_TASKS:
        return TOO_MANY_TASKS
    return TOO_MUCH_MEMORY if memory_bytes is not None and kibibytes << 10 > memory_bytes else None


def descendants(process: int) -> Iterator[int]:
    """All that a process has started and that still lives, as far as the system tells (Linux)."""
    try:
        threads = os.listdir(f"/proc/{process}/task")
    except OSError:
        return
    for thread in threads:
        try:
            with open(f"/proc/{process}/task/{thread}/children", encoding="ascii") as file:
                children = [int(child) for child in file.read().split()]
        except OSError:
            continue
        for child in children:
            yield child
            yield from descendants(child)
