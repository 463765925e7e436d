"""The services behind the gateway: a bound on what is in flight, failing fast while one is down."""

import asyncio

import aiohttp
import structlog
from aiohttp.http import HttpProcessingError
from prometheus_client import Counter

from gateway.proxy.address import Address
from gateway.proxy.body import Content
from gateway.proxy.connection import UpstreamConnection
from gateway.proxy.connections import UpstreamSession
from gateway.proxy.exchange import UpstreamResponse, exchange, request_head
from gateway.proxy.headers import Header
from gateway.proxy.load_balancer import NOT_DELIVERED, is_from_load_balancer
from shared.asyncio.clock import Clock
from shared.http.problems import Overloaded, Problem
from shared.telemetry.loop_metrics import LoopGauge

CONNECT_ATTEMPTS = 2
"""A connection that fails is tried once more: nothing was sent, and another replica may answer."""

RETRY_SECONDS = 0.1
"""Between two attempts of a request that may wait for its upstream."""

DOWN_SECONDS = 0.5
"""After a failed connection, how long requests are refused at once before one tries again."""

BROKEN = (aiohttp.ClientError, HttpProcessingError, ConnectionError)
"""How an exchange fails that has begun."""

STREAMED_SHARE = 4
"""Of so many places one may be taken by a body that comes in a stream: however slowly those come, small requests find
the others."""

IN_FLIGHT = LoopGauge("upstream_requests_in_flight", "Requests waiting for an upstream's answer", ["upstream"])
ERRORS = Counter("upstream_errors", "Requests that an upstream did not answer", ["upstream", "reason"])
SENT_AGAIN = Counter(
    "upstream_requests_sent_again", "Requests whose key allows it, after an upstream hung up", ["upstream"]
)
WAITS = Counter("upstream_waits", "Times that a request waited for somebody to take its connection", ["upstream"])

log = structlog.get_logger()


class UpstreamUnavailable(Problem):
    """Nothing listens at the service's address, or it hung up in the middle."""

    status = 502
    title = "Bad Gateway"


class UpstreamTimeout(Problem):
    """The service did not begin to answer in time."""

    status = 504
    title = "Gateway Timeout"


class Upstream:
    """One service. `clock` gives seconds and never goes back.

    A request may wait `wait_seconds` for somebody to take its connection: where replicas are replaced as a matter of
    course, that costs time instead of errors. With 0 it fails at once.
    """

    def __init__(
        self,
        name: str,
        address: Address,
        session: UpstreamSession,
        clock: Clock,
        *,
        max_in_flight: int,
        wait_seconds: float,
    ) -> None:
        self.name, self._session, self._address = name, session, address
        self._prefix = address.url.raw_path.rstrip("/").encode()
        self._host = (b"host", (address.url.host_port_subcomponent or "").encode())
        self._max_in_flight, self._wait_seconds, self._clock = max_in_flight, wait_seconds, clock
        self._max_streamed = max(max_in_flight // STREAMED_SHARE, 1)
        self._in_flight, self._streamed, self._labels = 0, 0, (name,)
        self._down_until = 0.0

    def begin(self, *, streamed: bool) -> None:
        """Takes a place in flight; `streamed`: for a body that is still coming. Raises Overloaded at once."""
        if self._in_flight >= self._max_in_flight or (streamed and self._streamed >= self._max_streamed):
            self.count_error("overloaded")
            raise Overloaded(f"The {self.name} has all the work it can take at the moment.")
        self._streamed += streamed
        self._count_in_flight(1)

    def end(self, *, streamed: bool) -> None:
        """Gives the place back."""
        self._streamed -= streamed
        self._count_in_flight(-1)

    def _count_in_flight(self, change: int) -> None:
        self._in_flight += change
        IN_FLIGHT.by_labels[self._labels] = self._in_flight

    async def request(
        self, method: str, target: bytes, headers: list[Header], content: Content, *, repeatable: bool
    ) -> UpstreamResponse:
        """Sends a request for `target` (path and query, as they are on the wire) and returns once headers are back.

        Sent again only when nothing was sent; a `repeatable` one, whose body is here, once more even if all of it was.
        Raises UpstreamUnavailable, and what reading the client's body raises.
        """
        if self._clock() < self._down_until:
            self.count_error("down")
            raise self.unavailable()
        head = request_head(method, self._prefix + target, [self._host, *headers], content)
        give_up = self._clock() + self._wait_seconds
        while True:
            connection = await self._connect(give_up)
            try:
                response = await exchange(connection, head, content, bodiless=method == "HEAD")
            except BROKEN as error:
                if not repeatable or content.stream is not None:
                    raise self.broken(error) from error
                repeatable = self._send_again()
                continue
            if not is_from_load_balancer(response):
                return response
            with response:
                if repeatable and response.status not in NOT_DELIVERED and content.stream is None:
                    repeatable = self._send_again()
                    continue
                if response.status not in NOT_DELIVERED or content.stream is not None or self._clock() >= give_up:
                    self.count_error("balancer")
                    raise self.unavailable()
            await self._wait()

    def _send_again(self) -> bool:
        """Counts it; False: it is not done twice."""
        SENT_AGAIN.labels(self.name).inc()
        return False

    async def _connect(self, give_up: float) -> UpstreamConnection:
        attempts = 0
        while attempts < CONNECT_ATTEMPTS or self._clock() < give_up:
            if attempts >= CONNECT_ATTEMPTS:
                await self._wait()
            attempts += 1
            try:
                return await self._session.connect(self._address)
            except (aiohttp.ClientConnectorError, ConnectionError, TimeoutError) as error:
                failure = error
        self._down_until = self._clock() + DOWN_SECONDS
        self.count_error("connect")
        log.warning("upstream cannot be reached", upstream=self.name, error=str(failure) or "timeout")
        try:
            raise self.unavailable() from failure
        finally:
            del failure  # a frame that holds what it raises lives, with its request, until the next collection

    async def _wait(self) -> None:
        WAITS.labels(self.name).inc()
        await asyncio.sleep(RETRY_SECONDS)

    def broken(self, error: Exception) -> UpstreamUnavailable:
        """The problem that clients see when the upstream hung up or said what is not HTTP."""
        self.count_error("disconnected")
        log.warning("upstream hung up", upstream=self.name, error=str(error) or type(error).__name__)
        return self.unavailable()

    def unavailable(self) -> UpstreamUnavailable:
        """The problem that clients see while nobody answers."""
        return UpstreamUnavailable(f"The {self.name} cannot be reached at the moment.", headers={"Retry-After": "1"})

    def timeout(self) -> UpstreamTimeout:
        """The problem that clients see when the response did not come in time."""
        self.count_error("timeout")
        return UpstreamTimeout(f"The {self.name} did not answer in time.")

    def count_error(self, reason: str) -> None:
        """One request more that this upstream did not answer."""
        ERRORS.labels(self.name, reason).inc()
