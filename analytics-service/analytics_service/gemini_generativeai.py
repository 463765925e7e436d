"""Gemini through `google-generativeai`, the SDK that the product was specified with.

Its REST transport only has a blocking call. Each call runs in a daemon thread of its own: calls are few (the quota),
and one that hangs must neither take a worker from others nor hold the process up when it ends.
"""

import asyncio
import contextlib
import threading
import warnings
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeVar

from analytics_service.gemini_errors import error_of
from analytics_service.prompt import FINDINGS_SCHEMA
from analytics_service.provider import (
    Blocked,
    ModelAnswer,
    TooSlow,
    Unavailable,
    Unreadable,
)
from analytics_service.settings import Settings

END_OF_SUPPORT = r"\s*All support for the `google\.generativeai` package has ended"
"""What the SDK warns of on import; that there is a successor to choose is said in our documentation."""

Result = TypeVar("Result")


class GenerativeAi:
    """The provider on `google-generativeai`. The SDK is imported when it is needed: that takes about a second."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.model: Any = None
        self.loading = threading.Lock()

    async def prepare(self) -> None:
        """Imports the SDK, in a thread."""
        await in_thread(self.load)

    async def generate(self, prompt: str, timeout_seconds: float) -> ModelAnswer:
        """One call. Raises ProviderError."""
        model = await in_thread(self.load)
        try:
            async with asyncio.timeout(timeout_seconds):
                response = await in_thread(lambda: ask(model, prompt, timeout_seconds))
        except TimeoutError as error:
            raise TooSlow(f"no answer in {timeout_seconds:.1f} s") from error
        return answer_of(response)

    async def close(self) -> None:
        """Nothing: the SDK keeps its session to itself."""

    def load(self) -> Any:
        """The SDK's model, configured once. Blocks while it is imported."""
        with self.loading:
            if self.model is None:
                self.model = make_model(self.settings)
        return self.model


def make_model(settings: Settings) -> Any:
    """Imports and configures the SDK. Its configuration is global, so one process has one key and one endpoint."""
    warnings.filterwarnings("ignore", END_OF_SUPPORT, FutureWarning)
    genai: Any = import_module("google.generativeai")

    key = settings.gemini_api_key
    genai.configure(
        api_key=key.get_secret_value() if key else None,
        transport=one_call_transport(),
        client_options={"api_endpoint": settings.gemini_api_endpoint} if settings.gemini_api_endpoint else None,
    )
    return genai.GenerativeModel(
        settings.gemini_model,
        generation_config={
            "temperature": settings.gemini_temperature,
            "max_output_tokens": settings.gemini_max_tokens,
            "response_mime_type": "application/json",
            "response_schema": FINDINGS_SCHEMA,
        },
    )


def one_call_transport() -> type[Any]:
    """The SDK's REST transport without its habit to send a refused call (401) again, twice, behind our back."""
    from google.ai.generativelanguage_v1beta.services.generative_service.transports import (
        GenerativeServiceRestTransport,
    )

    sessions: Any = import_module("google.auth.transport.requests")

    class OneCallTransport(GenerativeServiceRestTransport):
        def __init__(self, *, client_info: Any, **arguments: Any) -> None:
            super().__init__(client_info=client_info, **arguments)
            self._session = sessions.AuthorizedSession(self._credentials, refresh_status_codes=())
            # The transport finds its methods by the session.
            self._prep_wrapped_messages(client_info)  # type: ignore[no-untyped-call]  # the SDK has no types

    return OneCallTransport


def ask(model: Any, prompt: str, timeout_seconds: float) -> Any:
    """The blocking call. Without `retry: None` the SDK would try again by itself, on top of our schedule."""
    from google.api_core.exceptions import GoogleAPICallError
    from google.auth.exceptions import TransportError
    from google.protobuf.json_format import ParseError
    from requests.exceptions import RequestException, Timeout

    try:
        return model.generate_content(prompt, request_options={"timeout": timeout_seconds, "retry": None})
    except GoogleAPICallError as error:
        raise error_of(int(error.code or 500), str(error.message), error.details) from error
    except Timeout as error:
        raise TooSlow(f"no answer in {timeout_seconds:.1f} s") from error
    except (RequestException, TransportError) as error:
        raise Unavailable(type(error).__name__) from error
    except ParseError as error:
        raise Unreadable("the answer is not what Gemini's wire format says") from error


def answer_of(response: Any) -> ModelAnswer:
    """The text of the first candidate. Raises Blocked when there is none."""
    if not response.candidates or not response.candidates[0].content.parts:
        raise Blocked(f"no text: {response.prompt_feedback or 'finish reason ' + finish_reason(response)}")
    text = "".join(part.text for part in response.candidates[0].content.parts)
    usage = response.usage_metadata
    return ModelAnswer(text, usage.prompt_token_count, usage.candidates_token_count)


def finish_reason(response: Any) -> str:
    """Why the first candidate ended."""
    return str(response.candidates[0].finish_reason) if response.candidates else "none"


async def in_thread(work: Callable[[], Result]) -> Result:
    """Runs `work` in a daemon thread. Whoever is cancelled meanwhile leaves it to itself."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Result] = loop.create_future()

    def settle(finish: Callable[[Any], None], value: Any) -> None:
        if not future.done():
            finish(value)

    def run() -> None:
        finish: Callable[[Any], None]
        value: Any
        try:
            finish, value = future.set_result, work()
        except BaseException as error:
            finish, value = future.set_exception, error
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits
            loop.call_soon_threadsafe(settle, finish, value)

    threading.Thread(target=run, name="gemini-call", daemon=True).start()
    return await future
