"""The border to Redis: one error for every way in which it can be away, and in which words people are told.

Each module beyond this border says what it does when Redis is away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from importlib.resources import files

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.commands.core import AsyncScript
from redis.exceptions import (
    AuthenticationError,
    AuthorizationError,
    BusyLoadingError,
    ClusterDownError,
    NoPermissionError,
    OutOfMemoryError,
    ReadOnlyError,
    RedisClusterException,
    RedisError,
)

AWAY = Counter("analysis_redis_away", "Operations that Redis did not do")

PROBE, PROBE_MS = "analysis:health", 1000

log = structlog.get_logger()


class RedisTrouble(StrEnum):
    """Why Redis does not do what it is asked, in words that may be shown to anybody."""

    NO_ANSWER = "not reachable"
    LOGIN = "the login is refused"
    FULL = "full: it refuses writes"
    READ_ONLY = "takes no writes: it is a replica"
    LOADING = "loading its data"
    CLUSTER = "the cluster has no server for some keys"
    DISK = "cannot write to its disk and refuses writes"


TROUBLES: tuple[tuple[type[Exception], RedisTrouble], ...] = (
    (OutOfMemoryError, RedisTrouble.FULL),
    (ReadOnlyError, RedisTrouble.READ_ONLY),
    (BusyLoadingError, RedisTrouble.LOADING),
    (AuthenticationError, RedisTrouble.LOGIN),
    (AuthorizationError, RedisTrouble.LOGIN),
    (NoPermissionError, RedisTrouble.LOGIN),
    (ClusterDownError, RedisTrouble.CLUSTER),
)

WORDS = (("NOAUTH", RedisTrouble.LOGIN), ("WRONGPASS", RedisTrouble.LOGIN), ("MISCONF", RedisTrouble.DISK))
"""Errors that the client has no class for in every place where they come."""


class RedisAway(Exception):
    """Redis does not answer, answers too late, or refuses to work; `trouble` says which."""

    def __init__(self, trouble: RedisTrouble) -> None:
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
        raise RedisAway(trouble_of(error)) from error


def trouble_of(error: Exception) -> RedisTrouble:
    """What an error of the client means; one that wraps another means what that means."""
    for word, trouble in WORDS:
        if word in str(error):
            return trouble
    for kind, trouble in TROUBLES:
        if isinstance(error, kind):
            return trouble
    if isinstance(error.__cause__, Exception):
        return trouble_of(error.__cause__)
    return RedisTrouble.NO_ANSWER


async def probe(redis: Redis) -> None:
    """Returns when Redis takes a write: a PING would be answered by one that is full. Raises RedisAway."""
    with away_as_one_error():
        await redis.set(PROBE, 1, px=PROBE_MS)


def script(redis: Redis, name: str) -> AsyncScript:
    """The script `lua/<name>.lua`; Redis gets its text once and then only its hash."""
    text = files("analytics_service").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return redis.register_script(text)
