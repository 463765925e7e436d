"""Gemini through `google-generativeai`, the SDK that the product was specified with.

Its REST transport only has a blocking call. Each call runs in a daemon thread of its own: calls are few (the quota),
and one that hangs must neither take a worker from others nor hold the process up when it ends.
"""

import asyncio
import json
import threading
import warnings
from importlib import import_module
from typing import Any

from analytics_service.gemini.bounds import output_bound
from analytics_service.gemini.daemon_thread import in_thread
from analytics_service.gemini.http_response import keep, one_call
from analytics_service.gemini.prompt import FINDINGS_SCHEMA
from analytics_service.gemini.provider import Completion, CompletionRequest, ProviderUnavailable, TooSlowError
from analytics_service.gemini.wire import read
from analytics_service.settings import Settings

END_OF_SUPPORT = r"\s*All support for the `google\.generativeai` package has ended"
"""What the SDK warns of on import; that there is a successor to choose is said in our documentation."""


NEWER_VALUE = r"Unrecognized \w+ enum value"
"""The same of an enum value that is newer than the SDK; `wire` reads it as it came."""


class GenerativeAi:
    """The provider on `google-generativeai`. The SDK is imported when it is needed: that takes about a second."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._model: Any = None
        self._loading = threading.Lock()

    async def prepare(self) -> None:
        """Imports the SDK, in a thread."""
        await in_thread(self._load)

    async def generate(self, request: CompletionRequest, timeout_seconds: float) -> Completion:
        """One call. Raises ProviderError."""
        model = await in_thread(self._load)
        with one_call() as arrived:
            try:
                async with asyncio.timeout(timeout_seconds):
                    await in_thread(
                        lambda: call(model, request, output_bound(self._settings, request), timeout_seconds)
                    )
            except TimeoutError as error:
                raise TooSlowError(f"no answer in {timeout_seconds:.1f} s") from error
            except Exception as error:
                # What the SDK makes of a response does not matter, as long as there is one: `read` has the say.
                if arrived.response is None:
                    raise broken(error, timeout_seconds) from error
        if arrived.response is None:
            raise ProviderUnavailable("no response")
        return read(arrived.response, key_of(self._settings))

    async def close(self) -> None:
        """Nothing: the SDK keeps its session to itself."""

    def _load(self) -> Any:
        """The SDK's model, configured once. Blocks while it is imported."""
        with self._loading:
            if self._model is None:
                self._model = make_model(self._settings)
        return self._model


def make_model(settings: Settings) -> Any:
    """Imports and configures the SDK. Its configuration is global, so one process has one key and one endpoint."""
    warnings.filterwarnings("ignore", END_OF_SUPPORT, FutureWarning)
    warnings.filterwarnings("ignore", NEWER_VALUE, UserWarning)
    genai: Any = import_module("google.generativeai")

    genai.configure(
        api_key=key_of(settings),
        transport=one_call_transport(settings.gemini_thinking_budget),
        client_options={"api_endpoint": settings.gemini_api_endpoint} if settings.gemini_api_endpoint else None,
    )
    return genai.GenerativeModel(
        settings.gemini_model,
        generation_config={
            "temperature": settings.gemini_temperature,
            "response_mime_type": "application/json",
            "response_schema": FINDINGS_SCHEMA,
        },
    )


def one_call_transport(thinking_budget: int | None) -> type[Any]:
    """The SDK's REST transport as we need it.

    Without its habit to send a refused call (401) again, twice, behind our back; keeping each response as it came; and
    with the thinking budget, which the SDK's messages have no field for.
    """
    from google.ai.generativelanguage_v1beta.services.generative_service.transports import (
        GenerativeServiceRestTransport,
    )

    sessions: Any = import_module("google.auth.transport.requests")

    class KeepingSession(sessions.AuthorizedSession):  # type: ignore[misc]  # the SDK has no types
        def request(self, method: str, url: str, data: Any = None, **arguments: Any) -> Any:
            sent = data if thinking_budget is None else with_budget(data, thinking_budget)
            # A redirect is a response like any other: followed, it would take the key to whatever host it names.
            response = super().request(method, url, data=sent, **arguments | {"allow_redirects": False, "stream": True})
            keep(response.status_code, response.headers, content_of(response))
            return response

    class OneCallTransport(GenerativeServiceRestTransport):
        def __init__(self, *, client_info: Any, **arguments: Any) -> None:
            super().__init__(client_info=client_info, **arguments)
            self._session = KeepingSession(self._credentials, refresh_status_codes=())
            # The transport finds its methods by the session.
            self._prep_wrapped_messages(client_info)  # type: ignore[no-untyped-call]  # the SDK has no types

    return OneCallTransport


def content_of(response: Any) -> bytes:
    """The body of a response, read to its end; empty when it cannot be unpacked."""
    from requests.exceptions import ContentDecodingError

    try:
        return bytes(response.content)
    except ContentDecodingError:
        response.close()
        return b""


def with_budget(data: str | bytes, thinking_budget: int) -> bytes:
    """The request with a thinking budget."""
    body = json.loads(data)
    body.setdefault("generationConfig", {})["thinkingConfig"] = {"thinkingBudget": thinking_budget}
    return json.dumps(body).encode()


def call(model: Any, request: CompletionRequest, most_tokens: int, timeout_seconds: float) -> None:
    """The blocking call. Without `retry: None` the SDK would try again by itself, on top of our schedule."""
    model.generate_content(
        request.prompt,
        generation_config={"max_output_tokens": most_tokens},
        request_options={"timeout": timeout_seconds, "retry": None},
    )


def broken(error: Exception, timeout_seconds: float) -> Exception:
    """What an error without a response means; one that is nothing of the network's stays as it is."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import TransportError
    from requests.exceptions import RequestException, Timeout

    if isinstance(error, Timeout):
        return TooSlowError(f"no answer in {timeout_seconds:.1f} s")
    if isinstance(error, RequestException | TransportError | GoogleAPICallError):
        return ProviderUnavailable(type(error).__name__)
    return error


def key_of(settings: Settings) -> str:
    """The key as it is sent."""
    return settings.gemini_api_key.get_secret_value() if settings.gemini_api_key else ""
