"""Gemini through `google-genai`, the maintained successor; its calls do not block, on httpx."""

import asyncio
import threading
import warnings
from typing import Any

import httpx

from analytics_service.gemini.bounds import output_bound
from analytics_service.gemini.http_response import keep, one_call
from analytics_service.gemini.prompt import FINDINGS_SCHEMA
from analytics_service.gemini.provider import Completion, CompletionRequest, ProviderUnavailable, TooSlowError
from analytics_service.gemini.wire import read
from analytics_service.settings import Settings

NEWER_VALUE = r".* is not a valid \w+"
"""What the SDK says beside our log of an enum value that is newer than itself; `wire` reads it as it came."""


class GenAi:
    """The provider on `google-genai`. The SDK is imported when it is needed: that takes seconds."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._http = httpx.AsyncClient(timeout=settings.gemini_timeout_seconds, event_hooks={"response": [keep_whole]})
        self._client: Any = None
        self._loading = threading.Lock()

    async def prepare(self) -> None:
        """Imports the SDK, in a thread."""
        await asyncio.to_thread(self._load)

    async def generate(self, request: CompletionRequest, timeout_seconds: float) -> Completion:
        """One call. Raises ProviderError."""
        client = await asyncio.to_thread(self._load)
        with one_call() as arrived:
            try:
                async with asyncio.timeout(timeout_seconds):
                    await client.aio.models.generate_content(
                        model=self._settings.gemini_model,
                        contents=request.prompt,
                        config=config_of(self._settings, request),
                    )
            except (TimeoutError, httpx.TimeoutException) as error:
                raise TooSlowError(f"no answer in {timeout_seconds:.1f} s") from error
            except httpx.HTTPError as error:
                if arrived.response is None:
                    raise ProviderUnavailable(type(error).__name__) from error
            except Exception:
                # What the SDK makes of a response does not matter, as long as there is one: `read` has the say.
                if arrived.response is None:
                    raise
        if arrived.response is None:
            raise ProviderUnavailable("no response")
        return read(arrived.response, key_of(self._settings))

    def _load(self) -> Any:
        """The SDK's client, made once. Blocks while it is imported."""
        with self._loading:
            if self._client is None:
                self._client = make_client(self._settings, self._http)
        return self._client

    async def close(self) -> None:
        """Closes the connections."""
        await self._http.aclose()


async def keep_whole(response: httpx.Response) -> None:
    """Reads a response to its end and keeps it for its call; of a body that cannot be unpacked nothing is kept."""
    try:
        body = await response.aread()
    except httpx.DecodingError:
        keep(response.status_code, response.headers, b"")
        raise
    keep(response.status_code, response.headers, body)


def make_client(settings: Settings, http: httpx.AsyncClient) -> Any:
    """Imports the SDK. It would use aiohttp where that is installed; our httpx client makes it the same everywhere."""
    from google import genai

    warnings.filterwarnings("ignore", NEWER_VALUE, UserWarning)
    return genai.Client(
        vertexai=False,
        api_key=key_of(settings),
        http_options=genai.types.HttpOptions(
            base_url=settings.gemini_api_endpoint, api_version="v1beta", httpx_async_client=http
        ),
    )


def config_of(settings: Settings, request: CompletionRequest) -> dict[str, Any]:
    """How the model is to complete the prompt."""
    budget = settings.gemini_thinking_budget
    return {
        "temperature": settings.gemini_temperature,
        "max_output_tokens": output_bound(settings, request),
        "response_mime_type": "application/json",
        "response_schema": FINDINGS_SCHEMA,
        "thinking_config": None if budget is None else {"thinking_budget": budget},
    }


def key_of(settings: Settings) -> str:
    """The key as it is sent."""
    return settings.gemini_api_key.get_secret_value() if settings.gemini_api_key else ""
