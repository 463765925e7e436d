"""Where alert events go, in whose words and with which signature; pure.

`https://…` gets Standard Webhooks (https://www.standardwebhooks.com): the event as JSON, its id in `webhook-id`, and
with a secret `webhook-signature: v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. `alertmanager+https://…`
gets what Alertmanager takes at `/api/v2/alerts`, with the same headers.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr

from metrics_service.alerts import Alert, AlertEvent, EventType
from shared.contracts.metrics import Status

ALERTMANAGER_PREFIX = "alertmanager+"
SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret in base64

FIRING_FOR = timedelta(days=365)
"""Alertmanager forgets an alert after minutes unless it is told when the alert will end; ours end when we say so."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver. Its URL may hold a secret, so it is never shown."""

    url: str = field(repr=False)
    is_alertmanager: bool = False

    @property
    def key(self) -> str:
        """What stands for it in the database."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    def body(self, event: AlertEvent) -> bytes:
        """The event in the receiver's words."""
        return orjson.dumps(alertmanager_alerts(event) if self.is_alertmanager else standard_payload(event))


def parse_webhooks(value: str) -> tuple[Webhook, ...]:
    """Webhooks from URLs with commas or blanks between them. Raises ValueError, which never repeats a URL."""
    webhooks = []
    for position, word in enumerate(value.replace(",", " ").split(), start=1):
        url = word.removeprefix(ALERTMANAGER_PREFIX)
        try:
            parts = urlsplit(url)
            usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            usable = False
        if not usable:
            raise ValueError(f"webhook {position} is not a URL that begins with http://, https:// or alertmanager+http")
        webhooks.append(Webhook(url, is_alertmanager=word != url))
    return tuple(webhooks)


def headers(event: AlertEvent, body: bytes, secret: SecretStr | None, now: datetime) -> dict[str, str]:
    """What identifies the event and proves who sent it. The id is the same however often the event is sent."""
    timestamp = str(int(now.timestamp()))
    found = {
        "content-type": "application/json",
        "webhook-id": str(event.event_id),
        "webhook-timestamp": timestamp,
    }
    if secret is not None:
        signed = f"{event.event_id}.{timestamp}.".encode() + body
        digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
        found["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return found


def key_of(secret: SecretStr) -> bytes:
    """The bytes of a secret: base64 after `whsec_`, else as it stands."""
    value = secret.get_secret_value()
    if not value.startswith(SECRET_PREFIX):
        return value.encode()
    try:
        return base64.b64decode(value.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("what follows whsec_ is not base64") from error


def standard_payload(event: AlertEvent) -> dict[str, Any]:
    """Type, time, data, as Standard Webhooks recommends."""
    data = {**event.alert.model_dump(mode="json"), "previous_severity": event.previous_severity}
    return {"type": event.type, "timestamp": event.occurred_at.isoformat(), "data": data}


def alertmanager_alerts(event: AlertEvent) -> list[dict[str, Any]]:
    """Alerts as Alertmanager takes them. There the severity is part of what an alert is: when it changes, one ends."""
    ended = event.type is EventType.CLOSED
    alerts = [alertmanager_alert(event.alert, event.alert.severity, event.occurred_at if ended else None)]
    if event.type in (EventType.ESCALATED, EventType.EASED):
        alerts.insert(0, alertmanager_alert(event.alert, event.previous_severity, event.occurred_at))
    return alerts


def alertmanager_alert(alert: Alert, severity: Status, ended_at: datetime | None) -> dict[str, Any]:
    """One alert; `ended_at` None: it fires."""
    return {
        "labels": {
            "alertname": f"model_{alert.signal}",
            "model_name": alert.model_name,
            "severity": severity,
            "service": "metrics-service",
        },
        "annotations": {
            "summary": f"{alert.signal} of {alert.model_name} is {severity}",
            "description": f"measured {alert.measured_value:g}, {alert.threshold} is {alert.threshold_value:g}",
            "alert_id": str(alert.alert_id),
        },
        "startsAt": alert.opened_at.isoformat(),
        "endsAt": (ended_at or alert.opened_at + FIRING_FOR).isoformat(),
    }
