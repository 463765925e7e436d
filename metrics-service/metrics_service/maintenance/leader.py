"""What one replica does for all: whoever holds an advisory lock of Postgres has the duties, the others stand by.

The lock belongs to a transaction that stays open and does nothing else: that is what a pooler, too, leaves on one
connection. It holds up no vacuum, for between its statements it has no snapshot. The leader dies: Postgres frees the
lock at once. The leader hangs: it sends no statement, Postgres ends its connection after LEASE_SECONDS and somebody
else takes over. The leader wakes up: its next statement fails and it steps down. No Postgres that takes writes: nobody
leads, and everybody tries again.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

import structlog
from prometheus_client import Gauge
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.asyncio.background import Background
from shared.database import locks
from shared.database.connection import in_one_line

LEASE_SECONDS = 10
"""A leader that sends no statement for so long loses its lock."""

HEARTBEAT_SECONDS = 2
"""How often the leader sends a statement, and how often the others try to get the lock."""

Duty = Callable[[], Awaitable[None]]
"""Work that goes on until it is cancelled."""

LEADING = Gauge("metrics_leading", "1 in the replica that watches, delivers and cleans up")

log = structlog.get_logger()


class Leader:
    """Does its duties while it holds the lock."""

    def __init__(
        self, engine: AsyncEngine, duties: Sequence[Duty], heartbeat_seconds: float = HEARTBEAT_SECONDS
    ) -> None:
        self._engine, self._duties, self._heartbeat_seconds = engine, duties, heartbeat_seconds

    def campaigning(self) -> Background:
        """Stands for leader in the background for as long as the block lasts."""
        return Background(self._campaign, "leader")

    async def _campaign(self) -> None:
        """Leads whenever nobody else does, until cancelled."""
        while True:
            try:
                async with self._lock() as connection:
                    if connection is not None:
                        await self._lead(connection)
            except Exception as error:  # noqa: BLE001 -- a duty that fails must not end the campaign; the next round starts it again
                log.warning("leadership lost", error=describe(error))
            await asyncio.sleep(self._heartbeat_seconds)

    @asynccontextmanager
    async def _lock(self) -> AsyncIterator[AsyncConnection | None]:
        """The connection that holds the lock, or None while somebody else's does."""
        async with self._engine.connect() as connection:
            try:
                await connection.execute(text(f"SET LOCAL idle_in_transaction_session_timeout = '{LEASE_SECONDS}s'"))
                held = await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:key)"), {"key": locks.LEADER})
                yield connection if held else None
            finally:
                await connection.invalidate()  # closing it frees the lock, whatever state it is in

    async def _lead(self, connection: AsyncConnection) -> None:
        """Does the duties until the lock is lost or one of them fails; raises what ended it."""
        log.info("leading")
        LEADING.set(1)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._keep(connection))
                for duty in self._duties:
                    group.create_task(run(duty))
        finally:
            LEADING.set(0)

    async def _keep(self, connection: AsyncConnection) -> None:
        """Keeps the lock by a statement at every interval; raises when the connection is closed."""
        while True:
            async with asyncio.timeout(LEASE_SECONDS):
                await connection.execute(text("SELECT 1"))
            await asyncio.sleep(self._heartbeat_seconds)


async def run(duty: Duty) -> None:
    """A duty as a coroutine, as a task needs it."""
    await duty()


def describe(error: Exception) -> str:
    """The causes in one line."""
    if isinstance(error, ExceptionGroup):
        return "; ".join(describe(cause) for cause in error.exceptions)
    return in_one_line(error)
