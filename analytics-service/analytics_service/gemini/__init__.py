"""Which SDK talks to Gemini; `wire` reads what comes back, the same for both."""

from analytics_service.gemini.provider import Provider
from analytics_service.gemini.sdk_genai import GenAi
from analytics_service.gemini.sdk_generativeai import GenerativeAi
from analytics_service.settings import Settings


def gemini_provider(settings: Settings) -> Provider | None:
    """The provider that GEMINI_SDK names; None without a key."""
    if settings.gemini_api_key is None:
        return None
    return GenAi(settings) if settings.gemini_sdk == "google-genai" else GenerativeAi(settings)
