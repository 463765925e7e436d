"""The border to Redis: one error for every way in which it can be away, and in which words people are told.

Beyond this border nobody handles an error of Redis: reports have a failover, everybody else names what holds instead.
"""

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager, suppress
from importlib.resources import files
from typing import TypeVar

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisClusterException, RedisError

from analytics_service.cache.troubles import words_for
from shared.http.problems import Problem

AWAY = Counter("analysis_redis_away", "Operations that Redis did not do")

RETRY_AFTER_SECONDS = 2

PROBE, PROBE_CHANNEL, PROBE_MS = "analysis:{health}", "analysis:health", 1000
CONFIRMED_SECONDS = 0.2
"""An answer to a subscription that comes later is no refusal."""

KINDS = ("text", "list", "hash", "set")

Result = TypeVar("Result")
Substitute = TypeVar("Substitute")

log = structlog.get_logger()


class RedisUnavailable(Problem):
    """Redis does not answer, answers too late, or refuses to work; `trouble` says which.

    Operators who want to look into it are told so; for a report it is never more than a reason.
    """

    status = 503
    type = "urn:problem-type:cache-away"
    title = "Cache Away"

    def __init__(self, trouble: str) -> None:
        super().__init__(
            "The store of quota and cache does not answer.", headers={"Retry-After": str(RETRY_AFTER_SECONDS)}
        )
        self.trouble = trouble


@contextmanager
def redis_border() -> Iterator[None]:
    """Turns every failure of Redis into RedisUnavailable; the reason goes to the log only: it may name hosts."""
    try:
        yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        AWAY.inc()
        log.warning("redis away", error=str(error) or type(error).__name__)
        raise RedisUnavailable(words_for(error)) from error


@contextmanager
def best_effort() -> Iterator[None]:
    """For what is done if Redis is there, and left alone if it is not."""
    with suppress(RedisUnavailable), redis_border():
        yield


async def unless_unavailable(work: Awaitable[Result], substitute: Substitute) -> Result | Substitute:
    """What Redis says or, when it is away, what is said instead."""
    try:
        return await work
    except RedisUnavailable:
        return substitute


class Probe:
    """Tries what the service needs of Redis: one that is full, or permits nothing else, would still answer a PING.

    A user who may not do a part of it is found here, and not by the report that needs it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis, self._script = redis, script(redis, "probe")

    async def trouble(self) -> str | None:
        """What is wrong, in words for everybody; None: all was done."""
        try:
            await self._run()
        except RedisUnavailable as unavailable:
            return unavailable.trouble
        return None

    async def _run(self) -> None:
        with redis_border():
            await self._script(keys=[f"{PROBE}:{kind}" for kind in KINDS], args=[PROBE_CHANNEL, PROBE_MS])
            async with self._redis.pubsub() as pubsub:
                await pubsub.subscribe(PROBE_CHANNEL)
                await pubsub.get_message(timeout=CONFIRMED_SECONDS)
            await self._redis.hgetall(PROBE)
            await self._redis.unlink(PROBE)
            await self._redis.scan(match=PROBE, count=1)


def script(redis: Redis, name: str) -> AsyncScript:
    """The script `lua/<name>.lua`; Redis gets its text once and then only its hash."""
    text = files("analytics_service.cache").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return redis.register_script(text)
