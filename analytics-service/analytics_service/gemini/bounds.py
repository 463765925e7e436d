"""How many tokens a completion may take; pure."""

from analytics_service.gemini.provider import CompletionRequest
from analytics_service.settings import Settings

MOST_TOKENS = 65_536
"""More no Gemini model gives out."""


def output_bound(settings: Settings, request: CompletionRequest) -> int:
    """What Gemini is told: its bound counts thoughts too, so a thinking budget comes on top of the text's tokens."""
    thoughts = max(settings.gemini_thinking_budget or 0, 0)
    return min(settings.gemini_max_tokens * request.room + thoughts, MOST_TOKENS)
