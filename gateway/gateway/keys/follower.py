"""Follows the keys in Postgres, and writes down when they were used.

Word of a change comes with its commit; besides, Postgres is asked every second, so that a word that was lost costs no
more than that. While Postgres is away what was known last goes on, for as long as `ring` says.
"""

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

import structlog
from prometheus_client import Gauge

from gateway.keys.ring import KeyRing, KeyRow, KeyTable
from gateway.keys.store import ROWS, KeyStore
from gateway.keys.usage import KeyUsage
from gateway.keys.used import UsedKeys
from shared.asyncio.background import Background
from shared.asyncio.group_call import set_or_after
from shared.database.connection import Connector
from shared.database.listening_connection import StoreAwayError

POLL_SECONDS = 1.0

FIRST_LOOK_SECONDS = 2.5
"""How long the start of the gateway waits for Postgres; until it is here, keys are refused with 503."""

WRITE_SECONDS = 60.0
"""How often it is written which keys were used."""

USAGE_SECONDS = 5.0
"""How often it is written for what; a gateway that is killed loses so much."""

LAST_WRITE_SECONDS = 1.0
"""How long the end of the gateway waits for the same."""

NOTHING_SEEN = ("", 0)

AWAY = Gauge("gateway_keys_postgres_away", "1 while keys cannot be read: those known last go on")
KNOWN = Gauge("gateway_keys", "Keys that are not revoked, as far as is known here")

log = structlog.get_logger()


class KeyFollower:
    """Keeps `ring` up to date."""

    def __init__(self, connector: Connector, ring: KeyRing) -> None:
        self._told = asyncio.Event()
        self.store = KeyStore(connector, self._told.set)
        self.ring, self.used, self.usage = ring, UsedKeys(ring.now), KeyUsage(ring.now)
        self._looking = asyncio.Lock()
        self._seen, self._revision = NOTHING_SEEN, 0  # the database and connection that told last, and how far
        self._is_away = False
        self._wrote_at = self._wrote_usage_at = monotonic()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Knows what can be known before the block begins, and follows until it ends."""
        with suppress(StoreAwayError, TimeoutError):
            async with asyncio.timeout(FIRST_LOOK_SECONDS):
                await self.look()
        try:
            async with Background(self._follow, "keys"), Background(self._write, "use-of-keys"):
                yield
            with suppress(StoreAwayError, TimeoutError):
                async with asyncio.timeout(LAST_WRITE_SECONDS):
                    await self.usage.write(self.store)
                    await self.used.write(self.store)
        finally:
            self.store.disconnect()

    async def look(self) -> None:
        """Asks Postgres what has changed. Raises StoreAwayError: what was known goes on."""
        try:
            async with self._looking:
                await self._look()
        except StoreAwayError as error:
            self._note_away(error)
            raise
        self._is_away = False
        AWAY.set(0)
        KNOWN.set(len(self.ring.table))

    async def _look(self) -> None:
        """All keys, where another database may have answered; else those that have changed."""
        state = await self.store.state()
        seen = (state.history, self.store.connection_number)
        if seen != self._seen or state.revision < self._revision:
            table = self.ring.empty_table()
            revision = await self._read(table, 0)
            self.ring.table, self._revision = table, revision
            if self._seen == NOTHING_SEEN:  # once: what waits for the collector now stays for ever
                gc.freeze()  # there are no cycles in it: to look for some among 100,000 keys holds up requests
        elif state.revision > self._revision:
            self._revision = await self._read(self.ring.table, self._revision)
        self._seen = seen
        self.ring.confirm(state.now)

    async def _read(self, table: KeyTable, revision: int) -> int:
        """Puts every change after a revision into the table; that of the last one. Raises StoreAwayError."""
        number = self.store.connection_number
        while page := await self.store.changed_after(revision):
            if self.store.connection_number != number:
                raise StoreAwayError("the connection broke while keys were read")
            for row in page:
                put_if_readable(table, row)
            revision = page[-1].revision
            if len(page) < ROWS:
                break
        return revision

    async def _follow(self) -> None:
        while True:
            await set_or_after(self._told, POLL_SECONDS)
            self._told.clear()
            try:
                await self.look()
            except StoreAwayError as error:
                self._note_away(error)
            except Exception:  # whatever it is, the next look must follow
                log.exception("keys cannot be followed")

    async def _write(self) -> None:
        """Beside what follows: a write that waits for a lock holds up no change of a key."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                await self._write_used()
            except StoreAwayError as error:
                log.debug("what keys were used for waits to be written", error=str(error))
            except Exception:  # whatever it is, the next time it is written
                log.exception("what keys were used for cannot be written")

    async def _write_used(self) -> None:
        if monotonic() - self._wrote_usage_at > USAGE_SECONDS:
            self._wrote_usage_at = monotonic()
            await self.usage.write(self.store)
        if monotonic() - self._wrote_at > WRITE_SECONDS:
            self._wrote_at = monotonic()
            await self.used.write(self.store)

    def _note_away(self, error: Exception) -> None:
        if not self._is_away:
            log.warning("keys cannot be read; those known last go on", error=str(error))
        self._is_away = True
        AWAY.set(1)


def put_if_readable(table: KeyTable, row: KeyRow) -> None:
    """A key whose limits another release may understand is none here: else it would hide all changes after its own."""
    try:
        table.put(row)
    except ValueError as error:
        log.warning("a key with limits that are not known here is refused", key_id=row.key_id, error=str(error))
        table.put(row._replace(is_revoked=True))
