"""The limit that all gateways share: whoever waits at this moment is decided by one round trip to Postgres.

One connection asks; while its question is under way the next requests gather, and they are the next question; under
load it is given a moment more. Nobody waits longer for Postgres than DEADLINE_SECONDS: when it is slow, refuses or is
gone, all who wait get LimiterUnavailableError, and so do later ones at once, until a new connection works again.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from functools import lru_cache, partial
from operator import attrgetter
from typing import Any, Self

import asyncpg
import structlog

from gateway.limit.window import MICROSECONDS, Asked, Decision, LimiterUnavailableError, Policy, PolicyOf, Source
from gateway.request.route_class import RouteClass
from shared.asyncio.background import Background
from shared.asyncio.group_call import Group, GroupCall, Waiters, set_or_after, tell
from shared.database.connection import Connector
from shared.database.lone_connection import LoneConnection
from shared.database.sql import load_sql

DEADLINE_SECONDS = 0.25
"""The longest that a request waits for Postgres before the stand-in decides."""

RECONNECT_SECONDS = 0.5
"""Pause between attempts to reach a Postgres that is away."""

HEARTBEAT_SECONDS = 1.0
"""How often an idle connection is tried with an empty question, so that health tells the truth without any request."""

MAX_BATCH = 512
"""Clients per question: the lock on a client's row lasts as long as its question, about 20 µs a client."""

GATHER_SECONDS = 0.002
"""How soon a question may follow the one before, unless many wait. Each costs Postgres and us about as much as eight of
its clients do, so few and large ones leave more of the machine to requests. After a question with a single client in it
the next one does not wait: then there is no load, and nothing to gather."""

MANY = 16
"""Clients that are worth a question at once."""

ADMIT = load_sql("gateway.limit", "admit")

CONNECT_SECONDS = 1.0

Ask = Callable[..., Awaitable[list[Any]]]
"""ADMIT with its arguments: prepared once, or, behind a pooler that gives each transaction another connection, not."""

log = structlog.get_logger()


class PostgresLimiter:
    """Strict windows over all gateways. `async with` keeps its connection."""

    def __init__(self, connector: Connector, policy: Policy, policy_of: PolicyOf | None = None) -> None:
        settings = {"synchronous_commit": "off"}
        self._connection = LoneConnection(connector, seconds=CONNECT_SECONDS, settings=settings)
        self._is_pooled, self._policy = connector.is_pooled, policy
        self._policy_of: PolicyOf = policy_of or (lambda _: policy)
        self._questions: GroupCall[Asked, Decision] = GroupCall(
            LimiterUnavailableError, max_size=MAX_BATCH, gather=self._let_question_grow
        )
        self._many_wait = asyncio.Event()
        self._asked_at, self._asked_for = 0.0, 0  # the last question: time of the event loop, number of clients
        self._worker = Background(self._stay_connected, "postgres-limiter")
        self.available = False

    async def __aenter__(self) -> Self:
        self._worker.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._worker.end()

    async def decide(self, client: str, route_class: RouteClass | None, rows: int = 1) -> Decision:
        """Admit or refuse, or only look, together with whoever else waits. Raises LimiterUnavailableError."""
        if not self.available:
            raise LimiterUnavailableError
        decision = self._questions.join(Asked(client, route_class, rows))
        if self._questions.size >= MANY:
            self._many_wait.set()
        return await decision

    async def _stay_connected(self) -> None:
        """Connects, decides until the connection fails, and begins again, whatever the failure was.

        A connection whose server was killed can fail in ways that no list of exceptions foresees, and this task must
        outlive all of them: without it the gateway would count alone for ever.
        """
        while True:
            try:
                async with self._connection.use() as connection:
                    await self._serve(await self._tried(connection))
            except Exception as error:  # noqa: BLE001 -- whatever it is, memory decides and this connects again
                log.warning("ingress limit is local: postgres is away", error=repr(error))
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _tried(self, connection: asyncpg.Connection) -> Ask:
        """A way to ask that has been tried, and answered in time: a Postgres that hangs does not count."""
        async with asyncio.timeout(DEADLINE_SECONDS * 4):
            ask = partial(connection.fetch, ADMIT) if self._is_pooled else (await connection.prepare(ADMIT)).fetch
            await ask(*arguments_of(self._policy), [], [], [])
        return ask

    async def _serve(self, ask: Ask) -> None:
        """Asks question after question; raises when Postgres fails, after telling everybody who waits."""
        self.available = True
        log.info("ingress limit is shared through postgres")
        try:
            await self._questions.serve(partial(self._decide_for, ask), idle_seconds=HEARTBEAT_SECONDS)
        finally:
            self.available = False

    async def _let_question_grow(self) -> None:
        """Returns when many wait, or when the last question was asked long enough ago."""
        loop = asyncio.get_running_loop()
        pause = self._asked_at + GATHER_SECONDS - loop.time()
        if pause > 0 and self._asked_for > 1 and self._questions.size < MANY:
            self._many_wait.clear()
            await set_or_after(self._many_wait, pause)
        self._asked_at = loop.time()

    async def _beat(self, ask: Ask) -> None:
        """An empty question."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await ask(*arguments_of(self._policy), [], [], [])

    async def _decide_for(self, ask: Ask, group: Group[Asked, Decision]) -> None:
        """One round trip for all of them who have the same policy, in the order in which every gateway locks them."""
        self._asked_for = len(group)
        if not group:
            await self._beat(ask)
        by_policy = defaultdict[Policy, list[Asked]](list)
        for asked in sorted(group, key=client_of):
            by_policy[self._policy_of(asked.client)].append(asked)
        async with asyncio.timeout(DEADLINE_SECONDS):
            for policy, all_asked in by_policy.items():
                clients = [asked.client for asked in all_asked]
                wanted = [len(group[asked]) for asked in all_asked]
                costs = [cost for asked in all_asked for cost in policy.costs_of(asked.route_class, asked.rows)]
                rows = await ask(*arguments_of(policy), clients, wanted, costs)
                for asked, row in zip(all_asked, rows, strict=True):
                    hand_out(group[asked], row, policy)


client_of = attrgetter("client")


@lru_cache(maxsize=1024)
def arguments_of(policy: Policy) -> tuple[str, list[int], list[int]]:
    """A policy as `gateway.admit` takes it; nobody changes the lists."""
    windows = policy.windows
    return policy.name, [window.quota for window in windows], [window.microseconds for window in windows]


def hand_out(waiters: Waiters[Decision], row: asyncpg.Record, policy: Policy) -> None:
    """Tells one client's requests: the first `granted` are admitted, in the order they came."""
    granted, remaining, more_us, retry_us = row
    left, more = tuple(remaining), tuple([wait / MICROSECONDS for wait in more_us])
    if granted:
        tell(waiters[:granted], Decision(True, left, more, 0.0, Source.POSTGRES, policy))
    if granted < len(waiters):
        tell(waiters[granted:], Decision(False, left, more, retry_us / MICROSECONDS, Source.POSTGRES, policy))
