"""Where alert events go, in whose words and with which signature; pure.

`https://…` gets Standard Webhooks (https://www.standardwebhooks.com): the event as JSON, its id in `webhook-id`, and
with a secret `webhook-signature: v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`. `slack+https://…` and
`teams+https://…` get messages for the incoming webhooks of Slack and of Microsoft Teams (Workflows), and
`alertmanager+https://…` what is wrong now and again (`alertmanager`), all with the same headers.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import SecretStr

from metrics_service.alerts.alert import AlertEvent
from metrics_service.notifications.chat import slack_message, teams_message

SECRET_PREFIX = "whsec_"  # noqa: S105 - how Standard Webhooks marks a secret in base64


class Format(StrEnum):
    """Whose words a receiver understands; the value, with a plus, stands before its URL."""

    STANDARD = ""
    SLACK = "slack"
    TEAMS = "teams"
    ALERTMANAGER = "alertmanager"


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver. Its URL may hold a secret, so it is never shown."""

    url: str = field(repr=False)
    format: Format = Format.STANDARD

    @property
    def key(self) -> str:
        """What stands for it in the database."""
        return hashlib.sha256(self.url.encode()).hexdigest()[:16]

    @property
    def takes_events(self) -> bool:
        """Whether it is told what happens; Alertmanager is told what is, again and again."""
        return self.format is not Format.ALERTMANAGER

    def body(self, event: AlertEvent) -> bytes:
        """The event in the receiver's words."""
        if self.format is Format.SLACK:
            return orjson.dumps(slack_message(event))
        return orjson.dumps(teams_message(event) if self.format is Format.TEAMS else standard_payload(event))


def parse_webhooks(value: str) -> tuple[Webhook, ...]:
    """Webhooks from URLs with commas or blanks between them. Raises ValueError, which never repeats a URL."""
    return tuple(parse_webhook(word, number) for number, word in enumerate(value.replace(",", " ").split(), start=1))


def parse_webhook(word: str, number: int) -> Webhook:
    """One webhook. Raises ValueError, which says which one it is by its number."""
    prefix, separator, rest = word.partition("+")
    named = [kind for kind in Format if kind and separator and prefix == kind]
    url = rest if named else word
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        formats = ", ".join(f"{kind}+" for kind in Format if kind)
        raise ValueError(f"webhook {number} is not a URL that begins with http:// or https://, perhaps after {formats}")
    return Webhook(url, named[0] if named else Format.STANDARD)


def headers(event: AlertEvent, body: bytes, secret: SecretStr | None, now: datetime) -> dict[str, str]:
    """What identifies the event and proves who sent it. The id is the same however often the event is sent."""
    return signed_headers(str(event.event_id), body, secret, now)


def signed_headers(message_id: str, body: bytes, secret: SecretStr | None, now: datetime) -> dict[str, str]:
    """The headers of Standard Webhooks."""
    timestamp = str(int(now.timestamp()))
    sent = {"content-type": "application/json", "webhook-id": message_id, "webhook-timestamp": timestamp}
    if secret is not None:
        signed = f"{message_id}.{timestamp}.".encode() + body
        digest = hmac.new(key_of(secret), signed, hashlib.sha256).digest()
        sent["webhook-signature"] = f"v1,{base64.b64encode(digest).decode()}"
    return sent


def key_of(secret: SecretStr) -> bytes:
    """The bytes of a secret: base64 after `whsec_`, else as it stands."""
    value = secret.get_secret_value()
    if not value.startswith(SECRET_PREFIX):
        return value.encode()
    try:
        key = base64.b64decode(value.removeprefix(SECRET_PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError("what follows whsec_ is not base64") from error
    if not key:
        raise ValueError("nothing follows whsec_")
    return key


def standard_payload(event: AlertEvent) -> dict[str, Any]:
    """Type, time, data, as Standard Webhooks recommends."""
    data = {**event.alert.model_dump(mode="json"), "previous_severity": event.previous_severity}
    return {"type": event.type, "timestamp": event.occurred_at.isoformat(), "data": data}
