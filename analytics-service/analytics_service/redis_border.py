"""The border to Redis: how it is reached, and one error for every way in which it can be away.

Redis connects on first use. Each module beyond this border says what it does when Redis is away.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files

import structlog
from prometheus_client import Counter
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.commands.core import AsyncScript
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from analytics_service.settings import Settings

AWAY = Counter("analysis_redis_away", "Operations that Redis did not do")

log = structlog.get_logger()


class RedisAway(Exception):
    """Redis does not answer, answers too late, or refuses to work (loading, full, read-only, wrong password)."""


def connect(settings: Settings) -> Redis:
    """A client with a pool of connections; none is open yet.

    A connection that broke while it was idle is replaced once, so a Redis that came back is met without an error.
    """
    password = settings.redis_password
    return Redis(
        host=settings.redis_host,
        port=settings.redis_port,
        db=settings.redis_db,
        password=password.get_secret_value() if password else None,
        socket_timeout=settings.redis_timeout_seconds,
        socket_connect_timeout=settings.redis_timeout_seconds,
        retry=Retry(NoBackoff(), retries=1, supported_errors=(RedisConnectionError,)),
        decode_responses=True,
    )


@contextmanager
def away_as_one_error() -> Iterator[None]:
    """Turns every failure of Redis into RedisAway; the reason goes to the log only: it may name hosts."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        AWAY.inc()
        log.warning("redis away", error=str(error) or type(error).__name__)
        raise RedisAway from error


def script(redis: Redis, name: str) -> AsyncScript:
    """The script `lua/<name>.lua`; Redis gets its text once and then only its hash."""
    text = files("analytics_service").joinpath("lua", f"{name}.lua").read_text(encoding="utf-8")
    return redis.register_script(text)
