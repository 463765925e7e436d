"""Computes what candidates say in the shadow: after the response, with capacity that is left, and for nobody.

While requests are being computed, candidates get at most BUSY_SHARE of the time; what waits for longer than PATIENCE,
or finds no place, is dropped and counted. So is what Postgres does not take: nobody was told of it.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from time import perf_counter
from typing import Any, Self

import structlog
from prometheus_client import Counter

from prediction_service.batching.job import Outcome
from prediction_service.batching.problems import DeadlinePassed, ModelFailed, ModelUnavailable, TookTooLong
from prediction_service.models.model import Model, Shadow
from prediction_service.records.record import Record
from prediction_service.request.caller import Caller
from prediction_service.shadows.offer import Offer, rows_of
from prediction_service.shadows.store import ShadowsNotStoredError, ShadowStore
from prediction_service.signature.signature import Instance
from shared.asyncio.background import Background
from shared.http.problems import Problem

MAX_WAITING = 256
"""Requests."""

MAX_SIZE = 4_000_000
"""Characters or elements of all that wait."""

MAX_ROWS = 16
"""Of one request: what a call may hold up is small."""

MAX_UNWRITTEN = 2048
"""Rows; those of half a second on a fast machine."""

BUSY_SHARE = 0.02
"""Of the time: half of what a shadow may cost the stable version's median."""

PAUSE_SECONDS = 0.02
"""Between two looks at whether there is capacity; and how long a response has to be gone."""

PATIENCE_SECONDS = 30.0
CALL_SECONDS = 10.0
WRITE_SECONDS = 0.5

OWN_FAULTS = (ModelFailed, ModelUnavailable, DeadlinePassed, TookTooLong)
"""What says something about the candidate; anything else only that there was no capacity."""

COMPUTED = Counter("prediction_shadows", "Predictions that candidates made in the shadow")
DROPPED = Counter("prediction_shadows_dropped", "Predictions that candidates were to make in the shadow", ["reason"])
NO_PLACE = DROPPED.labels("no place")
"""What becomes of most, on a busy server."""

log = structlog.get_logger()


class Shadows:
    """`async with` starts and ends the work.

    `is_busy`: whether requests are being computed. `is_loaded`: whether a model still takes any.
    """

    def __init__(self, store: ShadowStore, is_busy: Callable[[], bool], is_loaded: Callable[[Model], bool]) -> None:
        self._store, self._is_busy, self._is_loaded = store, is_busy, is_loaded
        self._waiting: deque[Offer] = deque()
        self._size, self._not_before = 0, 0.0
        self._unwritten: list[dict[str, Any]] = []
        self._arrived = asyncio.Event()
        self._computing = Background(self._compute_all, "shadows")
        self._writing = Background(self._write_all, "written shadows")

    async def __aenter__(self) -> Self:
        self._computing.start()
        self._writing.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._computing.end()
        await self._writing.end()
        self._store.disconnect()

    def offer(
        self, shadow: Shadow, instances: Iterable[Instance], said: Sequence[tuple[Record, dict[str, Any]]]
    ) -> None:
        """A request that was answered; waits for nothing."""
        if len(self._waiting) >= MAX_WAITING or self._size >= MAX_SIZE:
            NO_PLACE.inc(len(said))
            return
        if len(said) > MAX_ROWS:
            DROPPED.labels("many rows").inc(len(said) - MAX_ROWS)
        offer = Offer(shadow, list(islice(instances, MAX_ROWS)), list(islice(said, MAX_ROWS)), perf_counter())
        self._waiting.append(offer)
        self._size += offer.size
        self._arrived.set()

    async def _compute_all(self) -> None:
        while True:
            if not self._waiting:
                self._arrived.clear()
                await self._arrived.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            while self._waiting and self._has_capacity():
                offer = self._waiting.popleft()
                self._size -= offer.size
                await self._compute(offer)
                await asyncio.sleep(0)
            self._drop_late()

    def _has_capacity(self) -> bool:
        return not self._is_busy() or perf_counter() >= self._not_before

    def _drop_late(self) -> None:
        """Those that have waited for too long; they are the first ones."""
        while self._waiting and self._waiting[0].offered_at < perf_counter() - PATIENCE_SECONDS:
            offer = self._waiting.popleft()
            self._size -= offer.size
            DROPPED.labels("busy").inc(len(offer.said))

    async def _compute(self, offer: Offer) -> None:
        """One request, as far as the candidate is still there."""
        if not self._is_loaded(offer.shadow.candidate):
            DROPPED.labels("gone").inc(len(offer.said))
            return
        started = perf_counter()
        results = await results_of(offer)
        if results is None or len(self._unwritten) + len(results) > MAX_UNWRITTEN:
            DROPPED.labels("busy" if results is None else "not written").inc(len(offer.said))
        else:
            COMPUTED.inc(len(results))
            self._unwritten += rows_of(offer, results)
        ended = perf_counter()
        self._not_before = ended + (ended - started) / BUSY_SHARE

    async def _write_all(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            if self._unwritten:
                rows, self._unwritten = self._unwritten, []
                try:
                    added = await self._store.add(rows)
                    DROPPED.labels("not on record").inc(len(rows) - added)
                except ShadowsNotStoredError as error:
                    DROPPED.labels("not written").inc(len(rows))
                    log.warning("shadows not recorded", rows=len(rows), error=str(error))


async def results_of(offer: Offer) -> list[Outcome | Problem] | None:
    """What the candidate makes of it, errors in their places; None: it had no capacity."""
    caller = Caller(left=None, timeout_seconds=CALL_SECONDS)
    try:
        return [*await offer.shadow.candidate.batcher.run(offer.instances, caller, use_cache=False)]
    except OWN_FAULTS as problem:
        return [problem] * len(offer.said)
    except Problem:
        return None
    except Exception:  # whatever a candidate raises is its own affair
        log.exception("a candidate failed in the shadow", model=offer.shadow.candidate.name)
        return [ModelFailed("The model could not compute this input.")] * len(offer.said)
