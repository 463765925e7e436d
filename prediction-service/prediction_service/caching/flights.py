"""What is being computed at this moment for a model with a cache, so that nobody has it computed a second time.

A flight is computed for all who wait for it, within the service's own time, whoever of them gives up or leaves; when
nobody waits any more, it is computed no further. A request waits for the flight of another one only if it needs all
that is in it: computed anew for this request, it would come later, never sooner. So nobody waits for the 10,000 rows of
somebody else. What fails a flight as a whole (no room, no model) fails all who wait for it, at once; each is told for
itself, and may come back. Only where its time is up do those who came later, and have some left, wait for another one.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, TypeVar

from prediction_service.batching.ending import ended
from prediction_service.batching.job import Outcome, Result, Results
from prediction_service.batching.problems import TookTooLong
from prediction_service.caching.kept import from_cache
from prediction_service.request.caller import Caller
from prediction_service.signature.signature import Instance

Rows = Mapping[bytes, Instance]
"""Instances by their keys."""

Landed = dict[bytes, Result]
"""Results by the keys of their instances."""

Compute = Callable[[Sequence[Instance], Caller], Coroutine[Any, Any, Results]]
"""The result for each instance, computed. Raises what fails all of them."""

Error = TypeVar("Error", bound=Exception)

PATIENT = Caller(left=None)
"""Who waits as long as the service lets anybody: a flight, for those who wait for it."""


@dataclass(slots=True, eq=False)
class Flight:
    """Rows that are computed together, and who waits for them."""

    rows: Rows
    looking: float
    """Seconds for which each of the rows was looked for, in vain."""
    began: float = field(default_factory=perf_counter)
    landed: Landed = field(default_factory=dict)
    waiting: "set[Waiting]" = field(default_factory=set)
    task: "asyncio.Task[None] | None" = None

    @property
    def first(self) -> bytes:
        """The key of its first row."""
        return next(iter(self.rows))


@dataclass(slots=True, eq=False)
class Waiting:
    """A request that waits for flights: for its own, unless others bring all that it needs."""

    own: Flight | None
    others: Sequence[Flight]
    in_vain: float
    """Seconds that it has waited for flights that ran out of time."""
    done: "asyncio.Future[bool]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    """True: all have landed. False: the time was up."""
    missing: int = field(init=False)
    began: float = field(default_factory=perf_counter)

    def __post_init__(self) -> None:
        self.missing = len(self.flights)
        for flight in self.flights:
            flight.waiting.add(self)

    @property
    def flights(self) -> list[Flight]:
        """All of them."""
        return [*self.others] if self.own is None else [self.own, *self.others]

    @property
    def landed(self) -> Landed:
        """What they brought. What was computed for others is marked as such."""
        landed = Landed()
        for flight in self.others:
            later = self.began - flight.began - self.in_vain
            landed |= {key: again(result, later) for key, result in flight.landed.items()}
        if self.own is None:
            return landed
        if self.in_vain:
            return landed | {key: after(self.in_vain, result) for key, result in self.own.landed.items()}
        return landed | self.own.landed

    def count_down(self) -> None:
        """One of them has landed."""
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(True)

    def fail(self, error: Exception) -> None:
        """One of them never will."""
        if not self.done.done():
            self.done.set_exception(another(error))


class Flights:
    """The flights of one model; used on the event loop only. `landed` is given each that has brought its rows."""

    def __init__(self, compute: Compute, landed: Callable[[Flight], None]) -> None:
        self._compute, self._landed = compute, landed
        self._by_first: defaultdict[bytes, set[Flight]] = defaultdict(set)
        """By the key of their first row: who needs all rows of a flight needs that one."""

    async def bring(self, rows: Rows, looking: float, caller: Caller, deadline: float) -> Waiting | None:
        """Waits until all of these rows have landed; None: the time was up. Raises CallerLeft, and what failed one.

        `looking`: seconds for which each of them was looked for, in vain.

        A flight that began before this request may run out of time before it does: then the request boards once more,
        with all who waited for that one. The flight that the first of them begins has more time than any of them.
        """
        came, waiting = perf_counter(), self._board(rows, looking)
        try:
            while True:
                try:
                    return waiting if await ended(waiting.done, deadline, caller) else None
                except TookTooLong:
                    if perf_counter() >= deadline:
                        raise
                earlier, waiting = waiting, self._board(rows, looking, perf_counter() - came)
                self._leave(earlier)
        finally:
            self._leave(waiting)

    def _board(self, rows: Rows, looking: float, in_vain: float = 0.0) -> Waiting:
        begun = self._by_first.keys() & rows.keys()
        others = [flight for first in begun for flight in self._by_first[first] if flight.rows.keys() <= rows.keys()]
        brought = {key for flight in others for key in flight.rows}
        own = {key: instance for key, instance in rows.items() if key not in brought} if brought else rows
        return Waiting(self._take_off(own, looking) if own else None, others, in_vain)

    def _take_off(self, rows: Rows, looking: float) -> Flight:
        flight = Flight(rows, looking)
        self._by_first[flight.first].add(flight)
        flight.task = asyncio.create_task(self._fly(flight))
        return flight

    async def _fly(self, flight: Flight) -> None:
        """Computes the rows of a flight, and tells all who wait for it. Raises nothing."""
        try:
            results = await self._compute([*flight.rows.values()], PATIENT)
            flight.landed = dict(zip(flight.rows, results, strict=True))
        except Exception as error:  # noqa: BLE001 -- it is for those who wait to raise it
            self._forget(flight)
            for waiting in flight.waiting:
                waiting.fail(error)
            return
        self._forget(flight)
        for waiting in flight.waiting:
            waiting.count_down()
        self._landed(flight)

    def _leave(self, waiting: Waiting) -> None:
        """A request waits no longer; what nobody waits for any more is computed no further."""
        for flight in waiting.flights:
            flight.waiting.discard(waiting)
            if not flight.waiting and flight.task is not None and not flight.task.done():
                self._forget(flight)
                flight.task.cancel()

    def _forget(self, flight: Flight) -> None:
        """Nobody finds it any more."""
        alike = self._by_first[flight.first]
        alike.discard(flight)
        if not alike:
            del self._by_first[flight.first]


def again(result: Result, later: float) -> Result:
    """A result for one who came so many seconds later than those for whom it is computed.

    It was in the queue for so much shorter, and in none where the call had begun by then.
    """
    if not isinstance(result, Outcome):
        return another(result)
    return from_cache(result.output, max(result.queue_seconds - later, 0.0))


def after(seconds: float, result: Result) -> Result:
    """A result for one who had waited so many seconds before the computation began."""
    return result._replace(queue_seconds=result.queue_seconds + seconds) if isinstance(result, Outcome) else result


def another(error: Error) -> Error:
    """The same error for one more who raises it: each adds its own traceback to it."""
    kind = type(error)
    copied = kind.__new__(kind, *error.args)
    copied.__dict__.update(error.__dict__)
    return copied.with_traceback(error.__traceback__)
