"""How the last call to Gemini went, for `/health`: a probe must not cost a call."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from analytics_service.gemini.provider import ProviderError
from shared.asyncio.clock import UtcNow

PASSES = timedelta(minutes=10)
"""A failure that passes by itself says nothing about Gemini after this; a standing one holds until a call succeeds."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A call that brought no report, and since when they do not."""

    error: ProviderError
    at: datetime
    since: datetime


class LastOutcome:
    """`_failure`: how the last call failed; None: it did not, or none was made. Changed by the two methods alone."""

    def __init__(self, now: UtcNow) -> None:
        self._now = now
        self._failure: Failure | None = None

    def succeeded(self) -> None:
        """A call brought a report."""
        self._failure = None

    def failed(self, error: ProviderError) -> None:
        """A call brought none."""
        now, last = self._now(), self._trouble()
        same = last is not None and last.error.reason is error.reason
        self._failure = Failure(error, now, last.since if same and last else now)

    def _trouble(self) -> Failure | None:
        """The failure that still counts."""
        last = self._failure
        return last if last and (last.error.standing or self._now() < last.at + PASSES) else None

    def words(self) -> str | None:
        """`gemini_key_invalid since 09:15 UTC: 400 INVALID_ARGUMENT: API key not valid.`; None: no trouble."""
        trouble = self._trouble()
        if trouble is None:
            return None
        said = trouble.error.said.public
        since = f"{trouble.error.reason} since {trouble.since:%Y-%m-%d %H:%M} UTC"
        return f"{since}: {said}" if said else since
