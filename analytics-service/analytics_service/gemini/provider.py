"""What the service needs of a language model, and the ways in which one can fail: one class of error per reason.

Another provider is one file with one class that keeps this protocol.
"""

from dataclasses import dataclass
from typing import ClassVar, Protocol

from analytics_service.contracts.reasons import FallbackReason


@dataclass(frozen=True, slots=True)
class CompletionRequest:
    """A prompt for the model; `room`: how many times the usual bound of tokens its completion may take."""

    prompt: str
    room: int = 1


@dataclass(frozen=True, slots=True)
class Usage:
    """The tokens that a call is billed for. Thoughts are billed like the completion."""

    prompt_tokens: int = 0
    answer_tokens: int = 0
    thought_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Completion:
    """Text as the model gave it, without its thoughts; `cut`: it ended where the tokens did."""

    text: str
    usage: Usage = Usage()
    cut: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What the provider said: never the key, at most a sentence or two."""

    text: str = ""
    status: int | None = None
    """The HTTP status."""
    code: str | None = None
    """The provider's own name for it, such as `RESOURCE_EXHAUSTED`; None when the provider did not say it itself."""

    def __str__(self) -> str:
        head = " ".join(str(part) for part in (self.status, self.code) if part is not None)
        return f"{head}: {self.text}" if head and self.text else head or self.text

    @property
    def public(self) -> str:
        """What may leave: words that are not the provider's, such as a proxy's error page, may name hosts."""
        return str(self) if self.code else str(self.status or "")


class Provider(Protocol):
    """Completes a prompt with JSON that should fit the findings' schema; one call out, no retries of its own."""

    async def prepare(self) -> None:
        """What takes long and needs doing once, such as imports: before the first request, off the event loop."""

    async def generate(self, request: CompletionRequest, timeout_seconds: float) -> Completion:
        """One call. Raises ProviderError, within the timeout."""

    async def close(self) -> None:
        """Gives connections back."""


class ProviderError(Exception):
    """A call without a usable completion. Not worth another try, unless a subclass says otherwise.

    `usage`: what it is billed for all the same. `retry_after_seconds`: how long the provider wants us to wait.
    """

    reason: ClassVar[FallbackReason]
    standing: ClassVar[bool] = False
    """Whether it stays like this until a person does something about it."""

    def __init__(
        self, said: Said | str = "", *, usage: Usage | None = None, retry_after_seconds: float | None = None
    ) -> None:
        self.said = Said(said) if isinstance(said, str) else said
        self.usage, self.retry_after_seconds = usage, retry_after_seconds
        super().__init__(str(self.said))


class ProviderUnavailable(ProviderError):
    """Server errors and broken connections: they pass, so they are worth another try."""

    reason = FallbackReason.GEMINI_UNAVAILABLE


class TooSlowError(ProviderUnavailable):
    """No response within the timeout, ours or the provider's."""

    reason = FallbackReason.GEMINI_TIMEOUT


class RateLimitedError(ProviderError):
    """Too many calls or tokens, by the provider's count."""

    reason = FallbackReason.GEMINI_RATE_LIMITED


class DailyQuotaSpentError(RateLimitedError):
    """The provider counts by day, and the day's calls are used up."""

    reason = FallbackReason.GEMINI_DAILY_QUOTA


class RefusedError(ProviderError):
    """Stays refused until somebody changes a key, a setting, a plan."""

    standing = True
    reason = FallbackReason.GEMINI_REJECTED


class KeyInvalidError(RefusedError):
    """The key is not valid."""

    reason = FallbackReason.GEMINI_KEY_INVALID


class KeyLeakedError(RefusedError):
    """The key was found in public."""

    reason = FallbackReason.GEMINI_KEY_LEAKED


class ForbiddenError(RefusedError):
    """The key may not do this."""

    reason = FallbackReason.GEMINI_FORBIDDEN


class RegionBlockedError(RefusedError):
    """Not from here."""

    reason = FallbackReason.GEMINI_REGION_BLOCKED


class BillingNeededError(RefusedError):
    """Not on this plan."""

    reason = FallbackReason.GEMINI_BILLING


class ModelUnknownError(RefusedError):
    """There is no such model, or no longer."""

    reason = FallbackReason.GEMINI_MODEL_UNKNOWN


class RequestInvalidError(RefusedError):
    """The request itself is at fault."""

    reason = FallbackReason.GEMINI_REQUEST_INVALID


class BlockedError(ProviderError):
    """The prompt was blocked, or the completion withheld."""

    reason = FallbackReason.ANSWER_BLOCKED


class StoppedError(ProviderError):
    """The model stopped without text, for a reason that is neither of the others."""

    reason = FallbackReason.ANSWER_STOPPED


class UnforeseenError(ProviderError):
    """An error that nobody foresaw."""

    reason = FallbackReason.GEMINI_ERROR


class FlawedError(ProviderError):
    """A completion that cannot be used, and is worth asking for once more, each in its own way."""


class UnreadableError(FlawedError):
    """What came is not what the provider sends: something on the way answered, or broke it."""

    reason = FallbackReason.GEMINI_UNREADABLE


class EmptyError(FlawedError):
    """No text, and no reason why."""

    reason = FallbackReason.ANSWER_EMPTY


class TruncatedError(FlawedError):
    """The tokens were used up before the completion was whole."""

    reason = FallbackReason.ANSWER_TRUNCATED


class UnusableError(FlawedError):
    """Text that is no report; what was said is our own words on what is wrong with it."""

    reason = FallbackReason.ANSWER_INVALID


class UntrueError(FlawedError):
    """A report that says what the facts do not; what was said is our own words on what."""

    reason = FallbackReason.ANSWER_UNTRUE
