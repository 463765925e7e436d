"""Gemini through `google-genai`, the maintained successor; its calls do not block, on httpx."""

import asyncio
import threading
from typing import Any

import httpx

from analytics_service.gemini_errors import error_of
from analytics_service.prompt import FINDINGS_SCHEMA
from analytics_service.provider import Blocked, ModelAnswer, TooSlow, Unavailable, Unreadable
from analytics_service.settings import Settings


class GenAi:
    """The provider on `google-genai`. The SDK is imported when it is needed: that takes seconds."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.http = httpx.AsyncClient(timeout=settings.gemini_timeout_seconds)
        self.client: Any = None
        self.loading = threading.Lock()

    async def prepare(self) -> None:
        """Imports the SDK, in a thread."""
        await asyncio.to_thread(self.load)

    async def generate(self, prompt: str, timeout_seconds: float) -> ModelAnswer:
        """One call. Raises ProviderError."""
        client = await asyncio.to_thread(self.load)
        try:
            async with asyncio.timeout(timeout_seconds):
                return answer_of(await self.ask(client, prompt))
        except TimeoutError as error:
            raise TooSlow(f"no answer in {timeout_seconds:.1f} s") from error

    async def ask(self, client: Any, prompt: str) -> Any:
        """The call, its errors translated."""
        from google.genai.errors import APIError

        try:
            return await client.aio.models.generate_content(
                model=self.settings.gemini_model, contents=prompt, config=config_of(self.settings)
            )
        except APIError as error:
            raise error_of(error.code, str(error.message), details_of(error)) from error
        except httpx.TimeoutException as error:
            raise TooSlow("no answer in time") from error
        except httpx.HTTPError as error:
            raise Unavailable(type(error).__name__) from error
        except ValueError as error:
            raise Unreadable("the answer is not what Gemini's wire format says") from error

    def load(self) -> Any:
        """The SDK's client, made once. Blocks while it is imported."""
        with self.loading:
            if self.client is None:
                self.client = make_client(self.settings, self.http)
        return self.client

    async def close(self) -> None:
        """Closes the connections."""
        await self.http.aclose()


def make_client(settings: Settings, http: httpx.AsyncClient) -> Any:
    """Imports the SDK. It would use aiohttp where that is installed; our httpx client makes it the same everywhere."""
    from google import genai

    key = settings.gemini_api_key
    return genai.Client(
        vertexai=False,
        api_key=key.get_secret_value() if key else None,
        http_options=genai.types.HttpOptions(
            base_url=settings.gemini_api_endpoint, api_version="v1beta", httpx_async_client=http
        ),
    )


def config_of(settings: Settings) -> dict[str, Any]:
    """How the model is to answer."""
    return {
        "temperature": settings.gemini_temperature,
        "max_output_tokens": settings.gemini_max_tokens,
        "response_mime_type": "application/json",
        "response_schema": FINDINGS_SCHEMA,
    }


def details_of(error: Any) -> object:
    """Gemini's error details, wherever the body keeps them."""
    body = error.details if isinstance(error.details, dict) else {}
    inner = body.get("error", body)
    return inner.get("details") if isinstance(inner, dict) else None


def answer_of(response: Any) -> ModelAnswer:
    """The text of the first candidate. Raises Blocked when there is none."""
    candidate = response.candidates[0] if response.candidates else None
    parts = candidate.content.parts if candidate and candidate.content else None
    if not parts:
        reason = candidate.finish_reason if candidate else response.prompt_feedback
        raise Blocked(f"no text: {reason}")
    usage = response.usage_metadata
    return ModelAnswer(
        "".join(part.text or "" for part in parts),
        (usage.prompt_token_count or 0) if usage else 0,
        (usage.candidates_token_count or 0) if usage else 0,
    )
