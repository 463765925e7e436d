"""What the service needs of a language model, and the ways in which one can fail.

Another provider is one file with one class that keeps this protocol.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from analytics_service.report import FallbackReason


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """Text as the model gave it, and what it cost."""

    text: str
    prompt_tokens: int = 0
    answer_tokens: int = 0


class Provider(Protocol):
    """Answers a prompt with JSON that should fit the findings' schema; one call out, no retries of its own."""

    async def prepare(self) -> None:
        """What takes long and needs doing once, such as imports: before the first request, off the event loop."""

    async def generate(self, prompt: str, timeout_seconds: float) -> ModelAnswer:
        """One call. Raises ProviderError, within the timeout."""

    async def close(self) -> None:
        """Gives connections back."""


class ProviderError(Exception):
    """A call without a usable answer. Not worth another try, unless a subclass says otherwise."""

    reason: ClassVar[FallbackReason]


class Unavailable(ProviderError):
    """Server errors and broken connections: they pass, so they are worth another try."""

    reason = FallbackReason.GEMINI_UNAVAILABLE


class TooSlow(Unavailable):
    """No answer within the timeout."""

    reason = FallbackReason.GEMINI_TIMEOUT


class RateLimited(ProviderError):
    """Too many calls, by the provider's count; it may say how long to wait."""

    reason = FallbackReason.GEMINI_RATE_LIMITED

    def __init__(self, message: str, retry_after_seconds: float | None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Rejected(ProviderError):
    """The request itself is refused: wrong key, unknown model, bad argument."""

    reason = FallbackReason.GEMINI_REJECTED


class Blocked(ProviderError):
    """The model refuses to answer this prompt."""

    reason = FallbackReason.ANSWER_BLOCKED


class Unreadable(ProviderError):
    """An answer came that is none by the wire format: worth the corrective attempt."""

    reason = FallbackReason.ANSWER_INVALID


class Surprise(ProviderError):
    """An error that nobody foresaw."""

    reason = FallbackReason.GEMINI_ERROR
