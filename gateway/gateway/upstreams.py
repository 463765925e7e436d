"""The services behind the gateway: pooled connections, a bound on what is in flight, failing fast while one is down."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Self

import aiohttp
import structlog
from multidict import CIMultiDict
from prometheus_client import Counter, Gauge
from yarl import URL

from shared.runtime.problems import Overloaded, Problem

CONNECT_TIMEOUT_SECONDS = 2
CONNECT_ATTEMPTS = 2
"""A connection that fails is tried once more: nothing was sent, and another replica may answer."""

KEEPALIVE_SECONDS = 30
"""Shorter than what the services keep idle connections for, so that we never send into one that is being closed."""

DOWN_SECONDS = 0.5
"""After a failed connection, how long requests are refused at once before one tries again."""

IN_FLIGHT = Gauge("upstream_requests_in_flight", "Requests waiting for an upstream's answer", ["upstream"])
ERRORS = Counter("upstream_errors", "Requests that an upstream did not answer", ["upstream", "reason"])

log = structlog.get_logger()


class UpstreamDown(Problem):
    """Nobody answers at the service's address, or it hung up in the middle."""

    status = 502
    title = "Bad Gateway"


class UpstreamTimeout(Problem):
    """The service did not begin to answer in time."""

    status = 504
    title = "Gateway Timeout"


class Upstream:
    """One service. `clock` gives seconds and never goes back."""

    def __init__(
        self, name: str, base_url: str, session: "UpstreamSession", max_in_flight: int, clock: Callable[[], float]
    ) -> None:
        self.name, self.base_url, self._session = name, base_url, session
        self._max_in_flight, self._clock = max_in_flight, clock
        self._in_flight = 0
        self._down_until = 0.0
        self._gauge = IN_FLIGHT.labels(name)

    @contextmanager
    def slot(self) -> Iterator[None]:
        """One of the places in flight. Raises Overloaded at once when none is free."""
        if self._in_flight >= self._max_in_flight:
            self.count_error("overloaded")
            raise Overloaded(f"The {self.name} has all the work it can take at the moment.")
        self._in_flight += 1
        self._gauge.set(self._in_flight)
        try:
            yield
        finally:
            self._in_flight -= 1
            self._gauge.set(self._in_flight)

    async def request(self, method: str, target: str, headers: CIMultiDict[str], body: Any) -> aiohttp.ClientResponse:
        """Sends a request for `target` (path and query, as they are on the wire) and returns once headers are back.

        Raises UpstreamDown, and TimeoutError when no byte came for too long. Sent again only when nothing was sent.
        """
        if self._clock() < self._down_until:
            self.count_error("down")
            raise self.down()
        url = url_of(self.base_url, target)
        for attempt in range(1, CONNECT_ATTEMPTS + 1):
            try:
                return await self._session.client.request(
                    method, url, headers=headers, data=body, allow_redirects=False
                )
            except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
                if attempt == CONNECT_ATTEMPTS:
                    self._down_until = self._clock() + DOWN_SECONDS
                    self.count_error("connect")
                    log.warning("upstream cannot be reached", upstream=self.name, error=str(error))
                    raise self.down() from error
            except TimeoutError:  # aiohttp's are ClientErrors as well
                raise
            except (aiohttp.ClientError, ConnectionError) as error:
                self.count_error("disconnected")
                log.warning("upstream hung up", upstream=self.name, error=str(error) or type(error).__name__)
                raise self.down() from error
        raise AssertionError("unreachable")

    def down(self) -> UpstreamDown:
        """The problem that clients see while nobody answers."""
        return UpstreamDown(f"The {self.name} cannot be reached at the moment.", headers={"Retry-After": "1"})

    def timeout(self) -> UpstreamTimeout:
        """The problem that clients see when the answer did not come in time."""
        self.count_error("timeout")
        return UpstreamTimeout(f"The {self.name} did not answer in time.")

    def count_error(self, reason: str) -> None:
        """One request more that this upstream did not answer."""
        ERRORS.labels(self.name, reason).inc()


@lru_cache(maxsize=1024)
def url_of(base_url: str, target: str) -> URL:
    """The address of a target at an upstream. Most targets are one of a few paths, and parsing them takes its time."""
    return URL(base_url + target, encoded=True)


class UpstreamSession:
    """The connections to all upstreams, open within `async with`. Their number is bounded by what may be in flight."""

    def __init__(self, read_timeout_seconds: float) -> None:
        self._read_timeout_seconds = read_timeout_seconds
        self._client: aiohttp.ClientSession | None = None

    @property
    def client(self) -> aiohttp.ClientSession:
        """The open client. Raises RuntimeError before the start and after the end."""
        if self._client is None:
            raise RuntimeError("the session is not open")
        return self._client

    async def __aenter__(self) -> Self:
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_SECONDS, ttl_dns_cache=2),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=None, sock_connect=CONNECT_TIMEOUT_SECONDS, sock_read=self._read_timeout_seconds
            ),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding", "Content-Type"),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        client, self._client = self.client, None
        await client.close()
