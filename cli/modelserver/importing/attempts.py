"""Several ways to convert a model: converters fail in ways of their own, and another way may do."""

import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from modelserver.errors import CommandError, RefusedError
from modelserver.importing.original import Converted

SECONDS = 300.0
"""For one way; large forests take a minute."""

Attempt = tuple[str, Callable[[], Converted]]
"""What is done, and how."""


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Raises TimeoutError within a block that takes longer: some converters never end over some models.

    Elsewhere than in the main thread, and on Windows, there is no bound.
    """
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def late(number: int, frame: object) -> None:
        raise TimeoutError(f"is not done after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def first_of(attempts: Sequence[Attempt]) -> Iterator[Converted]:
    """Each way that does not fail. Raises RefusedError at the end if all failed."""
    faults: list[str] = []
    for how, convert in attempts:
        try:
            with warnings.catch_warnings(), bounded(SECONDS):
                warnings.simplefilter("ignore")
                converted = convert()
        except CommandError:
            raise
        except Exception as error:  # noqa: BLE001 - every converter has classes of its own
            faults.append(f"{how}: {type(error).__name__}: {' '.join(str(error).split())[:200]}")
        else:
            yield converted
    if len(faults) == len(attempts):
        raise RefusedError(f"cannot be converted; {faults[0]}")
