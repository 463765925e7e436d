"""How fast each core is just now: a fixed piece of work on it, before and after every turn.

Cores of a shared machine change their speed by half within seconds. The work is what servers do: bytes become objects
and objects bytes.
"""

import json
import os
import time

DOCUMENT = {
    "text": "What a wonderful little server!",
    "scores": {f"label-{n}": n / 7 for n in range(12)},
    "ids": [*range(40)],
}
TIMES, READINGS = 60, 3
"""A reading takes one to two milliseconds; of a few the shortest counts, which nobody has interrupted."""

Readings = tuple[float, ...]
"""Microseconds of processor time that the work takes, core by core."""


def cores() -> Readings:
    """All cores that this process may use, one after the other. For a thread that starts no process meanwhile."""
    allowed = os.sched_getaffinity(0)
    try:
        return tuple(on(core) for core in sorted(allowed))
    finally:
        os.sched_setaffinity(0, allowed)


def on(core: int) -> float:
    """Of one core."""
    os.sched_setaffinity(0, {core})
    return min(reading() for _ in range(READINGS))


def reading() -> float:
    """Once."""
    before = time.thread_time()
    for _ in range(TIMES):
        json.loads(json.dumps(DOCUMENT))
    return (time.thread_time() - before) * 1e6
