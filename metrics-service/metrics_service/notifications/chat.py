"""Alert events as messages of Slack's and Microsoft Teams' incoming webhooks; pure.

Slack: https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks (`text` is what notifications show,
`blocks` what the channel shows; `&`, `<` and `>` are escaped). Teams, where Workflows took the place of connectors: a
`message` with one Adaptive Card in `attachments`.
"""

from typing import Any

from metrics_service.alerts.alert import AlertEvent
from metrics_service.notifications.text import description, headline, mood
from shared.contracts.thresholds import Status

SLACK_SIGNS = {
    Status.NORMAL: ":white_check_mark:",
    Status.WARNING: ":warning:",
    Status.CRITICAL: ":rotating_light:",
    None: ":grey_question:",
}
TEAMS_COLORS = {None: "Default", Status.NORMAL: "Good", Status.WARNING: "Warning", Status.CRITICAL: "Attention"}

HEADER_CHARACTERS = 150
"""The longest header that Slack takes."""

CARD_VERSION = "1.4"
"""The newest that all of Teams' clients show."""


def slack_message(event: AlertEvent) -> dict[str, Any]:
    """A header, a sentence, and where it belongs."""
    title, text = headline(event.alert), description(event.alert)
    context = " · ".join(f"{name}: {value}" for name, value in facts(event))
    return {
        "text": escaped(f"{title}: {text}"),
        "blocks": [
            {
                "type": "header",
                "text": {
                    "type": "plain_text",
                    "text": f"{SLACK_SIGNS[mood(event)]} {title}"[:HEADER_CHARACTERS],
                    "emoji": True,
                },
            },
            {"type": "section", "text": {"type": "mrkdwn", "text": escaped(text)}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(context)}]},
        ],
    }


def teams_message(event: AlertEvent) -> dict[str, Any]:
    """A card with a title in the color of the severity, a sentence and the facts."""
    title = {
        "type": "TextBlock",
        "text": headline(event.alert),
        "size": "Large",
        "weight": "Bolder",
        "color": TEAMS_COLORS[mood(event)],
        "wrap": True,
    }
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": CARD_VERSION,
        "body": [
            title,
            {"type": "TextBlock", "text": description(event.alert), "wrap": True},
            {"type": "FactSet", "facts": [{"title": name, "value": value} for name, value in facts(event)]},
        ],
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def facts(event: AlertEvent) -> list[tuple[str, str]]:
    """What a person needs to find the alert again."""
    alert = event.alert
    since = [("Open since", f"{alert.opened_at:%Y-%m-%d %H:%M} UTC")]
    until = [("Closed", f"{alert.closed_at:%Y-%m-%d %H:%M} UTC")] if alert.closed_at else []
    return [
        ("Model", alert.model_name),
        ("Severity", alert.severity.value),
        *since,
        *until,
        ("Alert", str(alert.alert_id)),
    ]


def escaped(text: str) -> str:
    """The three characters that mean something to Slack."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
