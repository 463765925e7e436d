"""How many requests a key has in flight, over all gateways: for keys alone that have a bound of their own.

Each gateway tells Postgres how many it has, in absolute numbers, and is granted more while the sum of all stays within
the bound: so it is never exceeded. What has ended is told at once, and known everywhere within milliseconds; who finds
no place waits that long for one. A gateway that is killed tells nothing more, and is believed for LIVES_SECONDS.

Postgres away: every gateway counts alone.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import NamedTuple, Self
from uuid import UUID, uuid4

import asyncpg
import structlog

from gateway.limit.in_flight import TooManyInFlight
from gateway.limit.refused import Reason, Refused
from gateway.limit.window import LimiterUnavailableError
from shared.asyncio.background import Background
from shared.asyncio.clock import Clock
from shared.asyncio.group_call import Group, GroupCall, tell
from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection
from shared.database.sql import load_sql

LIVES_SECONDS = 5.0
"""How long a gateway is believed that tells nothing more: what it had in flight ended with it."""

TELL_SECONDS = 1.0
"""How often a gateway tells what it has, whether it has changed or not."""

PAUSES_SECONDS = (0.01, 0.03, 0.06)
"""Before a request that found no place tries again: one that another gateway has just freed may not be told yet."""

DEADLINE_SECONDS = 1.0
"""How long a request waits for Postgres before this gateway counts alone."""

CONNECT_SECONDS = 1.0
RECONNECT_SECONDS = 0.5
MAX_BATCH = 512

TAKE_PLACES = load_sql("gateway.limit", "take_places")

log = structlog.get_logger()


class Asked(NamedTuple):
    """A place that is wanted; without `wants` only word of what is in flight."""

    key_id: str
    most: int
    wants: bool


class KeyPlaces:
    """Places of keys. `async with` keeps its connection. `clock` gives seconds and never goes back.

    `note_refused` hears of which key a request found no place.
    """

    def __init__(
        self, connector: Connector, refused: Refused, clock: Clock, note_refused: Callable[[str], None]
    ) -> None:
        self._connection = LoneConnection(connector, seconds=CONNECT_SECONDS, settings={"synchronous_commit": "off"})
        self._refused, self._clock, self._gateway = refused, clock, str(uuid4())
        self._note_refused = note_refused
        self._held = Counter[str]()  # in flight here, by key
        self._told_at = 0.0
        self._questions: GroupCall[Asked, bool] = GroupCall(LimiterUnavailableError, max_size=MAX_BATCH)
        self._worker = Background(self._stay_connected, "key-places")
        self.available = False

    async def __aenter__(self) -> Self:
        self._worker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.end()

    @asynccontextmanager
    async def one(self, key_id: str, most: int) -> AsyncIterator[None]:
        """A block that has one of the places of a key. Raises TooManyInFlight."""
        if not await self._take(key_id, most):
            self._refused[Reason.IN_FLIGHT] += 1
            self._note_refused(key_id)
            raise TooManyInFlight(most, "key")
        try:
            yield
        finally:
            self._give_back(key_id)

    async def _take(self, key_id: str, most: int) -> bool:
        """Whether there was a place."""
        for pause in (0.0, *PAUSES_SECONDS):
            if pause:
                await asyncio.sleep(pause)
            try:
                taken = self._held[key_id] < most and await self._ask(Asked(key_id, most, wants=True))
            except LimiterUnavailableError:
                taken = self._held[key_id] < most
                if taken:
                    self._held[key_id] += 1
            if taken:
                return True
        return False

    async def _ask(self, asked: Asked) -> bool:
        """Whether Postgres grants a place; then it is counted as held. Raises LimiterUnavailableError."""
        if not self.available:
            raise LimiterUnavailableError
        answer = self._questions.join(asked)
        try:
            return await answer
        except asyncio.CancelledError:
            if answer.done() and not answer.cancelled() and answer.exception() is None and answer.result():
                self._give_back(asked.key_id)
            raise

    def _give_back(self, key_id: str) -> None:
        """One request less; Postgres is told as soon as it listens."""
        self._held[key_id] -= 1
        if not self._held[key_id]:
            del self._held[key_id]
        if self.available:
            self._questions.join(Asked(key_id, 0, wants=False)).add_done_callback(retrieve)

    async def _stay_connected(self) -> None:
        """Connects, asks until the connection fails, and begins again, whatever the failure was."""
        while True:
            try:
                async with self._connection.use() as connection:
                    self._told_at = -TELL_SECONDS
                    await self._exchange(connection, {})
                    self.available = True
                    await self._questions.serve(partial(self._exchange, connection), idle_seconds=TELL_SECONDS / 2)
            except Exception as error:  # noqa: BLE001 -- whatever it is, this gateway counts alone and connects again
                log.warning("requests in flight of keys are counted here alone", error=repr(error))
            finally:
                self.available = False
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _exchange(self, connection: asyncpg.Connection, group: Group[Asked, bool]) -> None:
        """Tells what is in flight here and asks for more, for all who wait; now and then of every key."""
        most = dict[str, int]()
        waiters: dict[str, list[asyncio.Future[bool]]] = {key_id: [] for key_id in self._keys_to_tell()}
        for asked, futures in group.items():
            waiting = waiters.setdefault(asked.key_id, [])
            if asked.wants:
                most[asked.key_id] = asked.most
                waiting += [future for future in futures if not future.done()]
            else:
                tell(futures, True)
        keys = sorted(waiters)
        async with asyncio.timeout(DEADLINE_SECONDS):
            rows = await connection.fetch(
                TAKE_PLACES,
                self._gateway,
                LIVES_SECONDS,
                [UUID(key_id) for key_id in keys],
                [self._held[key_id] for key_id in keys],
                [len(waiters[key_id]) for key_id in keys],
                [most.get(key_id, 0) for key_id in keys],
            )
        for key_id, (granted,) in zip(keys, rows, strict=True):
            self._hand_out(key_id, waiters[key_id], granted)

    def _keys_to_tell(self) -> list[str]:
        """All that have requests in flight here, every TELL_SECONDS."""
        if self._clock() - self._told_at < TELL_SECONDS:
            return []
        self._told_at = self._clock()
        return list(self._held)

    def _hand_out(self, key_id: str, waiting: list[asyncio.Future[bool]], granted: int) -> None:
        """The first to come get the places; those of who has left meanwhile go back with the next word."""
        present = [future for future in waiting if not future.done()]
        count = min(granted, len(present))
        tell(present[:count], True)
        tell(present[count:], False)
        if count:
            self._held[key_id] += count
        if count < granted:
            self._questions.join(Asked(key_id, 0, wants=False)).add_done_callback(retrieve)


def retrieve(future: asyncio.Future[bool]) -> None:
    """Nobody waits for this one: whether it fails is of no interest, what was to be told is told again."""
    if not future.cancelled():
        future.exception()
