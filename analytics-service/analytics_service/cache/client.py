"""A client of Redis: of one server, of what sentinels call the master, or of a cluster; it connects on first use.

A connection that broke while it was idle, or whose server has become a replica, is replaced once: a Redis that came
back, or moved, is met without an error.
"""

from pathlib import Path
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import Sentinel, SentinelConnectionPool
from redis.backoff import NoBackoff
from redis.credentials import CredentialProvider
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import ReadOnlyError

from analytics_service.cache.url import Kind, RedisTarget
from analytics_service.settings import Settings
from shared.settings.sources import secret_in

log = structlog.get_logger()

CLUSTER_ATTEMPTS = 3
"""A cluster sends a client on when a slot has moved, and is looked at anew when a node is gone."""


def connect(settings: Settings) -> Redis:
    """A client for these settings; no connection is open yet. A cluster's speaks the same commands."""
    target = settings.redis_target
    options = options_of(settings, target)
    if target.kind is Kind.CLUSTER:
        nodes = [ClusterNode(host, port) for host, port in target.hosts]
        retry = Retry(NoBackoff(), retries=CLUSTER_ATTEMPTS)
        return cast("Redis", RedisCluster(startup_nodes=nodes, retry=retry, **options))
    options |= {"db": target.database, "retry": once_more()}
    if target.kind is Kind.SENTINEL:
        sentinel = Sentinel(  # type: ignore[no-untyped-call]  # redis-py gives it no types
            target.hosts, sentinel_kwargs=sentinel_options(settings, options), **options
        )
        return cast("Redis", sentinel.master_for(target.master))
    host, port = target.hosts[0]
    return Redis(host=host, port=port, **options)


async def close(redis: Redis) -> None:
    """Closes a client, and those of its sentinels."""
    await redis.aclose()
    pool = getattr(redis, "connection_pool", None)
    if isinstance(pool, SentinelConnectionPool):
        for sentinel in pool.sentinel_manager.sentinels:
            await sentinel.aclose()


def once_more() -> Retry:
    """A second attempt, over a new connection, when the first shows that the connection leads nowhere."""
    return Retry(NoBackoff(), retries=1, supported_errors=(RedisConnectionError, ReadOnlyError))


def options_of(settings: Settings, target: RedisTarget) -> dict[str, Any]:
    """What every connection is told."""
    return {
        **login_of(settings, target),
        "socket_timeout": settings.redis_timeout_seconds,
        "socket_connect_timeout": settings.redis_timeout_seconds,
        "decode_responses": True,
        **(tls_options(settings) if target.tls else {}),
    }


def login_of(settings: Settings, target: RedisTarget) -> dict[str, Any]:
    """User and password; a password in a file is read anew for each connection, so that it can be changed there."""
    if (file := settings.password_file) is None:
        return {"username": target.username, "password": target.password}
    return {"credential_provider": PasswordFile(file, target.username, target.password or "")}


class PasswordFile(CredentialProvider):
    """The password in a file; while that cannot be read, the last one that could."""

    def __init__(self, path: Path, username: str | None, password: str) -> None:
        self._path, self._username, self._password = path, username, password

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """As the client asks for them at each connection."""
        try:
            self._password = secret_in(self._path) or self._password
        except (OSError, UnicodeDecodeError) as error:
            log.warning("REDIS_PASSWORD_FILE cannot be read", error=str(error))
        return (self._username, self._password) if self._username else (self._password,)

    async def get_credentials_async(self) -> tuple[str] | tuple[str, str]:
        """The same; a small file on a local disk keeps nobody waiting."""
        return self.get_credentials()


def tls_options(settings: Settings) -> dict[str, Any]:
    """TLS with the server's name checked; without a file of authorities those of the system count."""
    files = {
        "ssl_ca_certs": settings.redis_tls_ca_file,
        "ssl_certfile": settings.redis_tls_certificate_file,
        "ssl_keyfile": settings.redis_tls_key_file,
    }
    return {"ssl": True, **{name: str(path) for name, path in files.items() if path}}


def sentinel_options(settings: Settings, options: dict[str, Any]) -> dict[str, Any]:
    """Sentinels have a password of their own, or none."""
    password = settings.redis_sentinel_password
    own = {"username": None, "password": password.get_secret_value() if password else None, "db": 0}
    others = {name: value for name, value in options.items() if name != "credential_provider"}
    return others | own | {"retry": once_more()}
