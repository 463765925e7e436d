"""What receivers of alerts get."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from pydantic import SecretStr, ValidationError

from metrics_service.alerts.alert import Alert, AlertEvent, EventType, Signal
from metrics_service.notifications.webhooks import Format, Webhook, headers, parse_webhooks
from metrics_tests.service import settings_for
from shared.contracts.thresholds import Status
from shared.testing.postgres import Database

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT_ID = UUID("00000000-0000-4000-8000-000000000001")


def event(kind: EventType, severity: Status, previous: Status, closed_at: datetime | None = None) -> AlertEvent:
    alert = Alert(
        alert_id=UUID("00000000-0000-4000-8000-000000000002"),
        model_name="lexicon",
        signal=Signal.CONFIDENCE,
        severity=severity,
        threshold="min_confidence_warning",
        threshold_value=0.6,
        measured_value=0.5,
        opened_at=NOON - timedelta(minutes=5),
        changed_at=NOON,
        closed_at=closed_at,
    )
    return AlertEvent(event_id=EVENT_ID, type=kind, occurred_at=NOON, previous_severity=previous, alert=alert)


def test_the_standard_payload_has_type_time_and_the_alert() -> None:
    sent = json.loads(Webhook("http://a/").body(event(EventType.OPENED, Status.WARNING, Status.NORMAL)))
    assert (sent["type"], sent["timestamp"]) == ("alert.opened", "2026-03-01T12:00:00+00:00")
    assert {"model_name": "lexicon", "severity": "warning", "previous_severity": "normal"}.items() <= sent[
        "data"
    ].items()


@pytest.mark.parametrize(
    ("secret", "key"),
    [("plain text", b"plain text"), ("whsec_" + base64.b64encode(b"\x00\xffkey").decode(), b"\x00\xffkey")],
)
def test_the_signature_is_that_of_standard_webhooks(secret: str, key: bytes) -> None:
    sent = headers(event(EventType.OPENED, Status.WARNING, Status.NORMAL), b"{}", SecretStr(secret), NOON)
    signed = f"{sent['webhook-id']}.{sent['webhook-timestamp']}.{{}}".encode()
    expected = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert sent["webhook-signature"] == f"v1,{expected}"
    assert sent["webhook-id"] == str(EVENT_ID)


def test_without_a_secret_nothing_is_signed() -> None:
    sent = headers(event(EventType.OPENED, Status.WARNING, Status.NORMAL), b"{}", None, NOON)
    assert "webhook-signature" not in sent


def test_webhooks_are_urls_with_commas_between() -> None:
    one, other = parse_webhooks("https://a/hook?token=1, alertmanager+http://am:9093/api/v2/alerts")
    assert (one.url, one.format) == ("https://a/hook?token=1", Format.STANDARD)
    assert (other.url, other.format) == ("http://am:9093/api/v2/alerts", Format.ALERTMANAGER)
    slack, teams = parse_webhooks("slack+https://hooks.slack.com/services/T/B/x teams+https://example.com/workflows/1")
    assert (slack.format, teams.format) == (Format.SLACK, Format.TEAMS)
    assert slack.url == "https://hooks.slack.com/services/T/B/x"
    assert "token" not in repr(one)
    assert parse_webhooks("") == ()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alert_webhooks", "ftp://user:hunter2@host/"),
        ("alert_webhooks", "hunter2"),
        ("alert_webhooks", "discord+https://hunter2/"),
        ("alert_webhooks", "slack+ftp://hunter2/"),
        ("alert_webhooks", "http://hunter2:99999/"),
        ("alert_webhook_secret", "whsec_hunter2!"),
    ],
)
async def test_settings_that_cannot_work_are_refused_without_being_repeated(
    database: Database, name: str, value: str
) -> None:
    with pytest.raises(ValidationError) as refused:
        settings_for(database, **{name: value})
    (error,) = refused.value.errors(include_input=False, include_context=False)
    assert error["loc"] == (name,)
    assert "hunter2" not in error["msg"]
