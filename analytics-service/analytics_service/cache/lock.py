"""One process at a time makes a report: a Redis lock with a random token, renewed while the work goes on.

The holder dies: its lease runs out within LEASE_SECONDS and exactly one of those who wait takes over. The holder was
only asleep: the fencing number of its successor keeps it from writing. Redis away: RedisUnavailable for those who
want the lock; a holder keeps working on what it has begun until its lease runs out, and then starts nothing new.
"""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub

from analytics_service.cache.border import best_effort, redis_border, script
from analytics_service.cache.key import ReportKey
from shared.asyncio.background import Background
from shared.asyncio.clock import Clock

LEASE_SECONDS = 4.0
"""How long a lock outlives its holder: longer than a busy loop or a slow Redis takes, short enough to wait for."""

RENEWALS_PER_LEASE = 4

FENCE_SECONDS = 3600
"""How long fencing numbers are remembered: longer than any work takes."""

POLL_SECONDS = 0.5
"""Who waits for the lock looks again this often; the notification, when it comes, is faster."""

log = structlog.get_logger()


@dataclass(slots=True)
class Lease:
    """The lock, held. `held_until`, in seconds of this process's clock, is moved on by the renewal alone.

    `over`: lost to somebody else, or given back; set once.
    """

    key: ReportKey
    fence: int
    held_until: float
    clock: Clock
    token: str
    over: bool = field(default=False)

    @property
    def is_held(self) -> bool:
        """Whether nobody else can have taken the lock meanwhile."""
        return not self.over and self.clock() < self.held_until


class ReportLock:
    """Locks by report key."""

    def __init__(self, redis: Redis, clock: Clock, lease_seconds: float = LEASE_SECONDS) -> None:
        self._redis, self._clock, self._lease_seconds = redis, clock, lease_seconds
        self._acquire_script = script(redis, "lock_acquire")
        self._renew_script = script(redis, "lock_renew")
        self._release_script = script(redis, "lock_release")

    @property
    def _lease_ms(self) -> int:
        """The lease as Redis counts it."""
        return round(self._lease_seconds * 1000)

    async def try_acquire(self, key: ReportKey) -> Lease | None:
        """The lock, if it is free. Raises RedisUnavailable."""
        asked_at, token = self._clock(), secrets.token_hex(16)
        with redis_border():
            fence = await self._acquire_script(
                keys=[key.lock, key.fence], args=[token, self._lease_ms, round(FENCE_SECONDS * 1000)]
            )
        return Lease(key, int(fence), asked_at + self._lease_seconds, self._clock, token) if fence else None

    @asynccontextmanager
    async def holding(self, lease: Lease) -> AsyncIterator[None]:
        """Renews the lease while the block runs, then frees the lock and tells those who wait."""
        try:
            async with Background(partial(self._keep, lease), "report lock"):
                try:
                    yield
                finally:
                    lease.over = True  # ends the renewal sooner if a cancellation is lost in a client library
        finally:
            await self.release(lease)

    async def _keep(self, lease: Lease) -> None:
        """Renews a lease until it is over; an unreachable Redis is asked again until the lease has run out."""
        while not lease.over:
            await asyncio.sleep(self._lease_seconds / RENEWALS_PER_LEASE)
            with best_effort():
                await self.renew(lease)

    async def renew(self, lease: Lease) -> None:
        """Makes the lease last longer, or marks it as lost. Raises RedisUnavailable."""
        asked_at = self._clock()
        with redis_border():
            renewed = await self._renew_script(keys=[lease.key.lock], args=[lease.token, self._lease_ms])
        if renewed:
            lease.held_until = asked_at + self._lease_seconds
        else:
            lease.over = True
            log.warning("report lock lost", key=lease.key.lock)

    async def release(self, lease: Lease) -> None:
        """Frees the lock; Redis away: it runs out by itself."""
        with best_effort():
            await self._release_script(keys=[lease.key.lock], args=[lease.token, lease.key.channel])

    @asynccontextmanager
    async def waiting(self, key: ReportKey) -> AsyncIterator["Waiter"]:
        """A place among those who wait for the lock: nothing said from here on is missed. Raises RedisUnavailable."""
        async with self._redis.pubsub() as pubsub:
            with redis_border():
                await pubsub.subscribe(key.channel)
                await pubsub.get_message(timeout=POLL_SECONDS)  # Redis confirms; only now are we among them
            yield Waiter(pubsub)


class Waiter:
    """Waits for the lock to be freed."""

    def __init__(self, pubsub: PubSub) -> None:
        self._pubsub = pubsub

    async def wait(self) -> None:
        """Returns when the lock was freed, or after a while in any case. Raises RedisUnavailable."""
        with redis_border():
            await self._pubsub.get_message(timeout=POLL_SECONDS)
