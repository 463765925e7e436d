"""Waiting for what other processes do."""

import socket
import time
from collections.abc import Callable

DEADLINE_SECONDS = 60
"""Nothing takes so long; a start of a service takes twenty seconds on a slow machine that has other things to do."""

POLL_SECONDS = 0.02


def wait_until(
    condition: Callable[[], bool],
    what: str,
    check: Callable[[], None] = lambda: None,
    deadline_seconds: float = DEADLINE_SECONDS,
) -> None:
    """Returns once `condition` holds; raises TimeoutError after the deadline, or what `check` raises meanwhile."""
    end = time.monotonic() + deadline_seconds
    while not condition():
        check()
        if time.monotonic() > end:
            raise TimeoutError(f"waited {deadline_seconds:g} s for {what}")
        time.sleep(POLL_SECONDS)


def accepts(port: int) -> bool:
    """Whether somebody accepts connections on a port of 127.0.0.1."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
