"""What people read in Slack and in Teams, within the bounds of both."""

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr
from standardwebhooks import Webhook as Verifier
from standardwebhooks import WebhookVerificationError

from metrics_service.alerts.alert import Alert, AlertEvent, EventType, Evidence, Signal
from metrics_service.notifications.webhooks import Format, Webhook, headers
from shared.contracts.thresholds import Status

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
OPENING = Evidence(
    at=NOON, severity=Status.CRITICAL, threshold="min_confidence_critical", threshold_value=0.4, measured_value=0.158
)
CLOSING = Evidence(
    at=NOON + timedelta(minutes=9),
    severity=Status.NORMAL,
    threshold="min_confidence_warning",
    threshold_value=0.6,
    measured_value=0.65,
)


def event(
    kind: EventType, *, about: str = "", model_name: str = "sentiment", signal: Signal = Signal.CONFIDENCE
) -> AlertEvent:
    alert = Alert(
        alert_id=UUID("00000000-0000-4000-8000-000000000002"),
        model_name=model_name,
        signal=signal,
        opened_at=NOON,
        changed_at=NOON,
        history=[OPENING],
        **OPENING.model_dump(exclude={"at", "about"}),
        about=about,
    )
    if kind is EventType.CLOSED:
        alert = alert.with_evidence(CLOSING)
    return AlertEvent(
        event_id=UUID("00000000-0000-4000-8000-000000000001"),
        type=kind,
        occurred_at=NOON,
        previous_severity=Status.NORMAL,
        alert=alert,
    )


def sent(to: Format, told: AlertEvent) -> dict:
    return json.loads(Webhook("http://chat/", to).body(told))


def test_slack_gets_a_text_for_notifications_and_blocks_for_the_channel() -> None:
    message = sent(Format.SLACK, event(EventType.OPENED))
    assert (
        message["text"]
        == "Confidence of sentiment is critical: an average confidence of 0.158, min_confidence_critical is 0.4."
    )
    header, section, context = message["blocks"]
    assert header == {
        "type": "header",
        "text": {"type": "plain_text", "text": ":rotating_light: Confidence of sentiment is critical", "emoji": True},
    }
    assert section == {
        "type": "section",
        "text": {"type": "mrkdwn", "text": "an average confidence of 0.158, min_confidence_critical is 0.4."},
    }
    assert context["elements"][0]["text"].startswith("Model: sentiment · Severity: critical · Open since: 2026-03-01")


def test_what_means_something_to_slack_is_escaped() -> None:
    message = sent(Format.SLACK, event(EventType.OPENED, about="<!channel> & co"))
    assert "<!channel>" not in json.dumps(message)
    assert "&lt;!channel&gt; &amp; co" in message["blocks"][1]["text"]["text"]


def test_teams_gets_one_adaptive_card() -> None:
    message = sent(Format.TEAMS, event(EventType.OPENED))
    assert message["type"] == "message"
    (attachment,) = message["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    card = attachment["content"]
    assert (card["type"], card["version"]) == ("AdaptiveCard", "1.4")
    title, text, facts = card["body"]
    assert (title["type"], title["text"], title["color"]) == (
        "TextBlock",
        "Confidence of sentiment is critical",
        "Attention",
    )
    assert text["text"] == "an average confidence of 0.158, min_confidence_critical is 0.4."
    assert facts["type"] == "FactSet"
    assert {"title": "Model", "value": "sentiment"} in facts["facts"]


@pytest.mark.parametrize("to", [Format.SLACK, Format.TEAMS])
def test_a_recovery_says_what_was_and_what_is_and_never_that_it_is_critical(to: Format) -> None:
    words = json.dumps(sent(to, event(EventType.CLOSED)), ensure_ascii=False)
    assert "Confidence of sentiment has recovered" in words
    assert "It was critical. Now an average confidence of 0.65, min_confidence_warning is 0.6." in words
    assert "It opened at an average confidence of 0.158, min_confidence_critical is 0.4." in words
    assert "is critical" not in words
    assert ":white_check_mark:" in words or '"Good"' in words


@pytest.mark.parametrize("signal", list(Signal))
@pytest.mark.parametrize("to", [Format.SLACK, Format.TEAMS])
def test_what_is_no_longer_watched_has_not_recovered_and_does_not_look_so(to: Format, signal: Signal) -> None:
    told = event(EventType.OPENED, signal=signal)
    gone = told.model_copy(update={"type": EventType.CLOSED, "alert": told.alert.unwatched(NOON + timedelta(days=1))})
    words = json.dumps(sent(to, gone), ensure_ascii=False)
    assert "of sentiment is no longer watched; it has not recovered" in words
    assert "has recovered" not in words
    assert ":white_check_mark:" not in words
    assert '"Good"' not in words


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}", fullmatch=True),
    st.sampled_from(Signal),
    st.sampled_from(EventType),
    st.text(max_size=300),
)
def test_every_message_is_within_slacks_bounds(name: str, signal: Signal, kind: EventType, about: str) -> None:
    message = sent(Format.SLACK, event(kind, about=about, model_name=name, signal=signal))
    header, section, context = message["blocks"]
    assert 0 < len(header["text"]["text"]) <= 150
    assert 0 < len(section["text"]["text"]) <= 3000
    assert 0 < len(context["elements"][0]["text"]) <= 3000
    assert 0 < len(message["text"]) < 40_000


SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize("to", list(Format)[:3])
def test_signatures_are_those_that_the_library_of_standard_webhooks_verifies(to: Format) -> None:
    told, now = event(EventType.OPENED), datetime.now(UTC)
    body = Webhook("http://receiver/", to).body(told)
    signed = headers(told, body, SecretStr(SECRET), now)
    assert Verifier(SECRET).verify(body, signed) == json.loads(body)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body + b" ", signed)
    with pytest.raises(WebhookVerificationError):
        Verifier("whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").verify(body, signed)
    with pytest.raises(WebhookVerificationError):
        Verifier(SECRET).verify(body, headers(told, body, SecretStr(SECRET), now - timedelta(minutes=6)))


def test_a_secret_in_plain_text_is_verified_as_its_bytes() -> None:
    told = event(EventType.OPENED)
    body = Webhook("http://receiver/").body(told)
    signed = headers(told, body, SecretStr("a secret in words"), datetime.now(UTC))
    Verifier(b"a secret in words").verify(body, signed)
