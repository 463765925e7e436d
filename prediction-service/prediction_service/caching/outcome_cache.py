"""Stands before a model's queue: what the model said before is said again, the rest is computed as one request.

Exact, for what a model says of an instance depends on nothing but the instance (`Runtime.compute`). Used on the event
loop only.
"""

import asyncio
from collections.abc import Iterator, Sequence
from itertools import islice
from time import perf_counter

import structlog

from prediction_service.batching.ending import ended
from prediction_service.batching.job import Outcome, Result, Results
from prediction_service.batching.measures import Measures
from prediction_service.batching.threads import DaemonThreads
from prediction_service.caching.flights import Compute, Flight, Flights, Landed, again
from prediction_service.caching.kept import Kept
from prediction_service.caching.keys import keys_of, tensor_bytes
from prediction_service.request.caller import Caller
from prediction_service.signature.signature import Instance

KEPT_AT_ONCE = 128
"""Rows that are kept before others on the event loop have their turn: some milliseconds of vectors."""

LARGE_BYTES = 1 << 20
"""Tensors of a request whose keys are made in a thread: a millisecond or two, for which others would wait."""

log = structlog.get_logger()


class OutcomeCache:
    """What one model said last, at most `rows` rows in `max_bytes`, and what it is about to say."""

    def __init__(self, rows: int, max_bytes: int, compute: Compute, measures: Measures) -> None:
        self._kept, self._flights, self._measures = Kept(rows, max_bytes), Flights(compute, self._landed), measures
        self._thread = DaemonThreads(1, "cache-keys")
        self._closed = False
        self._shown = (0, 0)  # rows and bytes, as they were told last
        self._show()
        measures.rows_spared(0, 0.0)
        measures.rows_computed(0, 0.0)

    async def run(self, instances: Sequence[Instance], caller: Caller, deadline: float) -> Results | None:
        """The result of each instance, of which as few as possible are computed; None: the time was up.

        Raises CallerLeft, and what computing raises.
        """
        started = perf_counter()
        keys = await self._keys_of(instances, caller, deadline)
        if keys is None:
            return None
        found = [*map(self._kept.find, keys)]
        looking = (perf_counter() - started) / max(len(keys), 1)
        computed, landed = 0, Landed()
        if not all(found):
            rows = {key: row for key, row, kept in zip(keys, instances, found, strict=True) if kept is None}
            brought = await self._flights.bring(rows, looking, caller, deadline)
            if brought is None:
                return None
            computed, landed = len(brought.own.rows) if brought.own else 0, brought.landed
        self._measures.rows_spared(len(keys) - computed, looking)
        return in_their_places(keys, found, landed)

    def close(self) -> None:
        """Keeps nothing any more."""
        self._closed = True
        self._thread.shutdown()
        self._kept.clear()
        self._show()

    async def _keys_of(self, instances: Sequence[Instance], caller: Caller, deadline: float) -> list[bytes] | None:
        """The key of each instance; None: the time was up. Raises CallerLeft."""
        if tensor_bytes(instances) <= LARGE_BYTES:
            return keys_of(instances)
        loop = asyncio.get_running_loop()
        making, done = loop.run_in_executor(self._thread, keys_of, instances), loop.create_future()

        def made(_: object) -> None:
            if not done.done():
                done.set_result(True)

        making.add_done_callback(made)
        try:
            return await making if await ended(done, deadline, caller) else None
        finally:
            making.cancel()

    def _landed(self, flight: Flight) -> None:
        """Keeps what a flight brought; what failed is asked again. Who waits has it already, whatever happens.

        What was computed is counted here, for whoever of them is still there.
        """
        self._measures.rows_computed(len(flight.rows), flight.looking)
        self._keep_some(iter(flight.landed.items()))

    def _keep_some(self, rest: Iterator[tuple[bytes, Result]]) -> None:
        """A few rows at a time: to copy ten thousand large outputs takes a second, and others have requests too."""
        some = [] if self._closed else [*islice(rest, KEPT_AT_ONCE)]
        try:
            for key, result in some:
                if isinstance(result, Outcome):
                    self._kept.keep(key, result.output)
        except Exception:
            log.exception("an output could not be kept")
        self._show()
        if len(some) == KEPT_AT_ONCE:
            asyncio.get_running_loop().call_soon(self._keep_some, rest)

    def _show(self) -> None:
        """Tells what has changed: models of one name and version, loaded one after the other, share a gauge."""
        before, self._shown = self._shown, (len(self._kept), self._kept.size)
        self._measures.cache_changed(self._shown[0] - before[0], self._shown[1] - before[1])


def in_their_places(keys: Sequence[bytes], found: Sequence[Outcome | None], landed: Landed) -> Results:
    """A result for each instance. Of equal ones in a request the first is the one that was computed."""
    results = [kept or landed[key] for key, kept in zip(keys, found, strict=True)]
    if found.count(None) > len(landed):
        told = set[bytes]()
        for place, key in enumerate(keys):
            if key in told:
                results[place] = again(results[place], 0.0)
            told.add(key)
    return results
