"""Told to end, by Ctrl-C, SIGTERM or because time is up: every server is ended on the way out."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM)


class Ending:
    """Leaves by SystemExit, which unwinds everything; only what is being ended anyhow is ended first."""

    def __init__(self) -> None:
        self._undisturbed = 0
        self._told: int | None = None

    def listen(self, seconds: int) -> None:
        """From now on signals end the run, and the clock does after so many seconds."""
        for number in ENDS:
            signal.signal(number, self._on_signal)
        signal.alarm(seconds)

    def _on_signal(self, number: int, _: object) -> None:
        for end in ENDS:
            signal.signal(end, signal.SIG_IGN)
        self._told = number
        if not self._undisturbed:
            self._leave()

    def _leave(self) -> None:
        if self._told is not None:
            sys.exit(128 + self._told)

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """A signal that comes meanwhile is heeded at the end of the block."""
        self._undisturbed += 1
        try:
            yield
        finally:
            self._undisturbed -= 1
        if not self._undisturbed:
            self._leave()


ending = Ending()
"""There is one process, so there is one of these."""
