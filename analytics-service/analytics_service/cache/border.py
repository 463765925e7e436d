"""The border to Redis: one error for every way in which it can be away, and in which words people are told.

Each module beyond this border says what it does when Redis is away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import RedisClusterException, RedisError

from analytics_service.cache.troubles import words_for

AWAY = Counter("analysis_redis_away", "Operations that Redis did not do")

PROBE, PROBE_CHANNEL, PROBE_MS = "analysis:{health}", "analysis:health", 1000
CONFIRMED_SECONDS = 0.2
"""An answer to a subscription that comes later is no refusal."""

KINDS = ("text", "list", "hash", "set")

log = structlog.get_logger()


class RedisAway(Exception):
    """Redis does not answer, answers too late, or refuses to work; `trouble` says which."""

    def __init__(self, trouble: str) -> None:
        super().__init__(trouble)
        self.trouble = trouble


@contextmanager
def away_as_one_error() -> Iterator[None]:
    """Turns every failure of Redis into RedisAway; the reason goes to the log only: it may name hosts."""
    try:
        yield
    except (RedisError, RedisClusterException, OSError, TimeoutError) as error:
        AWAY.inc()
        log.warning("redis away", error=str(error) or type(error).__name__)
        raise RedisAway(words_for(error)) from error


class Probe:
    """Tries what the service needs of Redis: one that is full, or permits nothing else, would still answer a PING.

    A user who may not do a part of it is found here, and not by the report that needs it.
    """

    def __init__(self, redis: Redis) -> None:
        self._redis, self._script = redis, script(redis, "probe")

    async def run(self) -> None:
        """Returns when all was done. Raises RedisAway."""
        with away_as_one_error():
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
