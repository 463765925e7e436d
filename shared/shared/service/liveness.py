"""A process whose event loop stands still ends itself, with what all its threads were doing in the log.

Whoever started it (the supervisor of `make run`, Compose, Kubernetes) starts it again: a process that hangs answers
nobody, holds its connections and looks alive from outside. Only time in which this process runs counts: neither the
start, nor a machine that was suspended, nor a process that was stopped and goes on.
"""

import asyncio
import faulthandler
import os
import signal
import sys
import threading
import traceback

import structlog

from shared.telemetry.logs import flush_logs

EXIT_HUNG = 70
"""`EX_SOFTWARE` of sysexits.h."""

TICK_SECONDS = 1.0
MOST_FRAMES = 30
"""Of each stack; with them it fits into a line of the log."""

LAST_WORDS_SECONDS = 5
"""A log that nobody reads must not keep the process alive: after so long the system ends it."""

log = structlog.get_logger()


class Liveness:
    """Watches one event loop from a thread; `start` is called in the loop, once the service serves.

    Code that keeps the interpreter to itself, such as a regular expression that goes wrong, stops the watching thread,
    too. For that there is a timer on the processor time of the process, which the system counts: when that has gone
    on for as long on all processors, the process is ended without the interpreter's help.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._beats = 0  # mutable: counted up by the event loop alone
        self._stopped = threading.Event()

    def start(self) -> None:
        """From here on the loop must not stand still. Seconds of 0: nobody watches."""
        if not self._seconds:
            return
        faulthandler.register(signal.SIGPROF, file=sys.stderr, all_threads=True, chain=True)
        self._beat(asyncio.get_running_loop())
        threading.Thread(target=self._watch, name="liveness", daemon=True).start()

    def stop(self) -> None:
        """The loop comes to its end in order: nobody watches any more."""
        if self._seconds:
            self._stopped.set()
            signal.setitimer(signal.ITIMER_PROF, 0)

    def _beat(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._stopped.is_set():
            return
        self._beats += 1
        signal.setitimer(signal.ITIMER_PROF, self._seconds * (os.cpu_count() or 1))
        loop.call_later(TICK_SECONDS / 2, self._beat, loop)

    def _watch(self) -> None:
        """Counts its own ticks without a beat: a tick that took long, because nothing ran, counts as one."""
        silent, seen = 0, self._beats
        while silent * TICK_SECONDS < self._seconds:
            if self._stopped.wait(TICK_SECONDS):
                return
            silent = silent + 1 if self._beats == seen else 0
            seen = self._beats
        end_hung_process(self._seconds)


def end_hung_process(seconds: float) -> None:
    """Writes down what every thread is doing, the event loop's first, and ends the process.

    A line for each: all in one would be longer than a line of the log may be.
    """
    signal.setitimer(signal.ITIMER_REAL, LAST_WORDS_SECONDS)
    found = stacks()
    main = threading.main_thread().name
    first = {main: found.pop(main, [])}
    log.critical("the event loop stands still: ending the process", seconds=seconds, stacks=first)
    for name, stack in found.items():
        log.critical("beside the event loop", stacks={name: stack})
    flush_logs()
    os._exit(EXIT_HUNG)


def stacks() -> dict[str, list[str]]:
    """The inner frames of every thread, outermost first, as `file:line function`."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return {
        names.get(ident, str(ident)): [
            f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_stack(top)[-MOST_FRAMES:]
        ]
        for ident, top in sys._current_frames().items()  # noqa: SLF001 - documented, in spite of its name
    }
