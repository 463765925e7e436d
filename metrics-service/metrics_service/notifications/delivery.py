"""Takes alert events to the webhooks: at least once each, in order per model and webhook, whatever crashes.

Events wait in a table (written with the alert, see `outbox`). Whoever sends one claims it first, so that nothing
is sent which could not be noted down, and marks it when the receiver has said 2xx. An attempt goes on when the lead is
lost meanwhile, and waits for a Postgres that fails over: only a crash of this process between sending and marking sends
an event twice, with the same id, once the claim has run out. While a receiver refuses one model's event, the later
events of that model wait behind it; other models do not. No receiver waits for another: each has a loop of its own, and
one that refused or did not respond is sent one event at a time until it accepts one, so that it takes no name lookups
and no connections from those that are well.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import httpx
import structlog
from prometheus_client import Counter
from pydantic import SecretStr
from sqlalchemy import Row, bindparam, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.types import Text

from metrics_service.alerts.alert import AlertEvent
from metrics_service.database import DatabaseUnavailable, autocommit, transaction
from metrics_service.notifications.posting import TIMEOUT_SECONDS, pause_after, post
from metrics_service.notifications.webhooks import Webhook, headers
from metrics_service.sql import statement
from shared.asyncio.background import end
from shared.asyncio.clock import UtcNow
from shared.database.tables.metrics import alert_delivery
from shared.http.problems import Overloaded

POLL_SECONDS = 0.5

CLAIM = timedelta(seconds=20)
"""How long an event is left to whoever claimed it: its sending, and a failover of Postgres before it can be marked."""

STOP_SECONDS = 2.0
"""How long an attempt that is under way may take when the service stops."""

MAX_PAUSE = timedelta(seconds=60)
"""Pauses between attempts double from one second up to this."""

MOST_AT_ONCE = 16
"""Models whose events one receiver is sent at the same time."""

DUE = statement("due_deliveries", bindparam("webhooks", type_=ARRAY(Text)))

ATTEMPTS = Counter("metrics_alert_deliveries", "Attempts to deliver an alert event", ["outcome"])

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AlertDelivery:
    """Delivers what is due, again until a receiver takes it; DatabaseUnavailable ends the run."""

    engine: AsyncEngine
    client: httpx.AsyncClient
    webhooks: Sequence[Webhook]
    secret: SecretStr | None
    clock: UtcNow
    attempts: set[asyncio.Task[bool]] = field(default_factory=set)
    """What is under way, whoever leads by now."""

    async def run(self) -> None:
        """Delivers for ever, to each receiver on its own; with none there is nothing to do."""
        async with asyncio.TaskGroup() as group:
            for webhook in self.receivers().values():
                group.create_task(self._serve(webhook))

    async def _serve(self, webhook: Webhook) -> None:
        """One receiver, for ever."""
        is_well = True
        while True:
            arrived = await self.deliver_due({webhook.key: webhook}, MOST_AT_ONCE if is_well else 1)
            is_well = all(arrived) if arrived else is_well
            if not any(arrived):
                await asyncio.sleep(POLL_SECONDS)

    def receivers(self) -> dict[str, Webhook]:
        """Those that are told of events, by what stands for them; what waits for others is given up one day."""
        return {webhook.key: webhook for webhook in self.webhooks if webhook.takes_events}

    async def deliver_due(self, webhooks: Mapping[str, Webhook], most: int = MOST_AT_ONCE) -> list[bool]:
        """One attempt for each first in line, which of them arrived; after those the next in line may be due."""
        parameters = {"webhooks": list(webhooks), "now": self.clock(), "most": most}
        async with autocommit(self.engine) as connection:
            due = (await connection.execute(DUE, parameters)).all()
        attempts = [asyncio.create_task(self._deliver(row, webhooks[row.webhook])) for row in due]
        self.attempts.update(attempts)
        for attempt in attempts:
            attempt.add_done_callback(self.attempts.discard)
        return await asyncio.gather(*map(asyncio.shield, attempts))

    async def stop(self) -> None:
        """Lets what is under way come to its end, for a moment."""
        if self.attempts:
            await asyncio.wait(self.attempts, timeout=STOP_SECONDS)
        await end(*self.attempts)

    async def _deliver(self, row: Row[tuple[object, ...]], webhook: Webhook) -> bool:
        """One attempt: claimed, sent, and noted when it was made or when the next one is due."""
        event = AlertEvent.model_validate(row.event)
        claimed_until = self.clock() + CLAIM
        await self._note(row, {"attempts": row.attempts + 1, "next_attempt_at": claimed_until})
        refusal = await self._send(event, webhook)
        now = self.clock()
        next_attempt_at = now + pause_after(row.attempts + 1, MAX_PAUSE)
        outcome = {"delivered_at": now} if refusal is None else {"next_attempt_at": next_attempt_at}
        await self._note_once_possible(row, outcome, claimed_until)
        ATTEMPTS.labels("refused" if refusal else "delivered").inc()
        if refusal:
            log.warning("alert not delivered", event_id=str(event.event_id), webhook=webhook.key, reason=refusal)
        return refusal is None

    async def _note(self, row: Row[tuple[object, ...]], values: Mapping[str, object]) -> None:
        """Changes what is on record about a delivery. Raises DatabaseUnavailable."""
        async with transaction(self.engine) as connection:
            statement = update(alert_delivery).where(alert_delivery.c.delivery_id == row.delivery_id)
            await connection.execute(statement.values(**values))

    async def _note_once_possible(
        self, row: Row[tuple[object, ...]], values: Mapping[str, object], claimed_until: datetime
    ) -> None:
        """The same, waiting for Postgres to come back. Raises DatabaseUnavailable when the claim has run out."""
        while True:
            try:
                return await self._note(row, values)
            except (DatabaseUnavailable, Overloaded):
                if self.clock() >= claimed_until:
                    raise
            await asyncio.sleep(POLL_SECONDS)

    async def _send(self, event: AlertEvent, webhook: Webhook) -> str | None:
        """One request; None when the receiver took it, else why not."""
        body = webhook.body(event)
        sent = headers(event, body, self.secret, self.clock())
        return await post(self.client, webhook.url, body, sent)


def new_client(webhooks: Sequence[Webhook]) -> httpx.AsyncClient:
    """A client that goes where it was sent, without redirects, through the proxies of the environment.

    Receivers are outside, but for those that NO_PROXY names. The settings have checked that the proxies can be used.
    There is no limit on connections that all would share: each receiver has at most MOST_AT_ONCE.
    """
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=MOST_AT_ONCE)
    return httpx.AsyncClient(timeout=TIMEOUT_SECONDS, limits=limits, follow_redirects=False, trust_env=bool(webhooks))
