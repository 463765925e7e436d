"""How many tokens an answer may take; pure."""

from analytics_service.gemini.provider import Ask
from analytics_service.settings import Settings

MOST_TOKENS = 65_536
"""More no Gemini model gives out."""


def output_bound(settings: Settings, ask: Ask) -> int:
    """What Gemini is told: its bound counts thoughts too, so a thinking budget comes on top of the answer's tokens."""
    thoughts = max(settings.gemini_thinking_budget or 0, 0)
    return min(settings.gemini_max_tokens * ask.room + thoughts, MOST_TOKENS)
