"""Findings by Gemini: a call passes lease, circuit and quota; failures are tried again, and once a flawed completion.

No call leaves without the lock, nor when Redis is away. Every call that left is in the ledger, with what it is billed.
"""

import asyncio
from dataclasses import dataclass, field

import structlog
from prometheus_client import Counter

from analytics_service.cache.lock import Lease
from analytics_service.contracts.reasons import FallbackReason
from analytics_service.contracts.report import Findings
from analytics_service.deadline import Deadline
from analytics_service.gemini.breaker import CircuitBreaker, CircuitOpenError
from analytics_service.gemini.last_outcome import LastOutcome
from analytics_service.gemini.ledger import Ledger
from analytics_service.gemini.prompt import corrected, prompt_of, shorter
from analytics_service.gemini.provider import (
    Completion,
    CompletionRequest,
    DailyQuotaSpentError,
    FlawedError,
    Provider,
    ProviderError,
    ProviderUnavailable,
    RateLimitedError,
    TruncatedError,
    UnforeseenError,
    UnreadableError,
    UntrueError,
    UnusableError,
)
from analytics_service.gemini.quota import MAX_GATE_SECONDS, CallQuota
from analytics_service.gemini.report_text import findings_in
from analytics_service.gemini.retry import SHORTEST_CALL_SECONDS, Sleep, attempts
from analytics_service.metrics_client.facts import Facts
from analytics_service.truth.striking_out import NothingLeftError, true_part
from shared.asyncio.clock import Clock, utc_now
from shared.http.caller import current_caller
from shared.tracing.span import span

MORE_ROOM = 4
"""Times the usual tokens, for a completion that did not fit: thoughts take most, and how many varies a lot."""

MOST_FAULTS = 5
"""Told in a line of the log."""

OPERATION = "generate_content"
"""What OpenTelemetry's conventions for generative AI call a call to Gemini."""

STRUCK_OUT = Counter("analysis_sentences_struck_out", "Sentences of Gemini that the facts do not bear out")

log = structlog.get_logger()


class NoAnalyst:
    """In Gemini's place when there is no key."""

    async def findings(self, facts: Facts, lease: Lease, deadline: Deadline) -> FallbackReason:
        """Why there are none."""
        return FallbackReason.NO_API_KEY


@dataclass(frozen=True, slots=True)
class GeminiAnalyst:
    """Asks `provider` within all limits."""

    provider: Provider
    quota: CallQuota
    circuit: CircuitBreaker
    ledger: Ledger
    call_seconds: float
    clock: Clock
    sleep: Sleep = asyncio.sleep
    outcome: LastOutcome = field(default_factory=lambda: LastOutcome(utc_now))
    model: str = field(kw_only=True)

    async def findings(self, facts: Facts, lease: Lease, deadline: Deadline) -> Findings | FallbackReason:
        """What Gemini says about the facts, or why it does not."""
        if facts.now.total_predictions == 0:
            return FallbackReason.EMPTY_WINDOW
        request = CompletionRequest(prompt_of(facts))
        schedule = attempts(self.sleep, deadline.seconds_left)
        try:
            return await schedule(self._call, request, facts, lease, deadline)
        except FlawedError as flaw:
            return await self._second_findings(second(request, flaw), flaw, facts, lease, deadline)
        except ProviderError as error:
            return error.reason

    async def _second_findings(
        self, request: CompletionRequest, flaw: FlawedError, facts: Facts, lease: Lease, deadline: Deadline
    ) -> Findings | FallbackReason:
        """What Gemini says after a flawed completion: one call, if it may leave; if not, the flaw is the reason."""
        try:
            said = await self._call(request, facts, lease, deadline)
        except ProviderError as error:
            return error.reason
        # Without Redis the report is not kept either, whatever the first completion was like.
        may_not_leave = isinstance(said, FallbackReason) and said is not FallbackReason.REDIS_AWAY
        return flaw.reason if may_not_leave else said

    async def _call(
        self, request: CompletionRequest, facts: Facts, lease: Lease, deadline: Deadline
    ) -> Findings | FallbackReason:
        """One call and what its outcome means for circuit, gate, ledger and health; or why it may not leave.

        Raises ProviderError when it left in vain.
        """
        if refusal := await self._refusal(lease, deadline):
            return refusal
        started = self.clock()
        try:
            completion = await self._generate(request, min(self.call_seconds, deadline.seconds_left()))
            findings = true_findings(completion, facts)
        except Exception as error:
            failure = error if isinstance(error, ProviderError) else surprise(error)
            await self._settle(failure, self.clock() - started)
            raise failure from error
        self.circuit.succeeded()
        self.outcome.succeeded()
        await self.ledger.record("ok", self.clock() - started, completion.usage)
        return findings

    async def _generate(self, request: CompletionRequest, seconds: float) -> Completion:
        """One attempt. Raises ProviderError."""
        with span(f"{OPERATION} {self.model}", is_client=True) as spanned:
            spanned.set("gen_ai.operation.name", OPERATION)
            spanned.set("gen_ai.provider.name", "gcp.gemini")
            spanned.set("gen_ai.request.model", self.model)
            try:
                completion = await self.provider.generate(request, seconds)
            except ProviderError as error:
                spanned.set("modelserver.reason", error.reason)
                raise
            spanned.set("gen_ai.usage.input_tokens", completion.usage.prompt_tokens)
            spanned.set("gen_ai.usage.output_tokens", completion.usage.answer_tokens + completion.usage.thought_tokens)
            return completion

    async def _refusal(self, lease: Lease, deadline: Deadline) -> FallbackReason | None:
        """Why no call may leave; None: one was taken out of the quota."""
        if not lease.is_held:
            return FallbackReason.LOCK_LOST
        if deadline.seconds_left() < SHORTEST_CALL_SECONDS:
            return FallbackReason.DEADLINE
        try:
            self.circuit.enter()
        except CircuitOpenError:
            return FallbackReason.CIRCUIT_OPEN
        with span("quota") as spanned:
            refusal = await self.quota.refusal(current_caller.get())
            spanned.set("modelserver.quota.outcome", refusal or "taken")
        if refusal:
            self.circuit.leave()
        return refusal

    async def _settle(self, failure: ProviderError, seconds: float) -> None:
        """What a failed call means for the next ones, for the ledger, and for whoever looks after the service."""
        said = failure.said
        log.warning("gemini call failed", reason=failure.reason, status=said.status, code=said.code, said=said.text)
        self.outcome.failed(failure)
        await self.ledger.record(failure.reason, seconds, failure.usage)
        if isinstance(failure, ProviderUnavailable | UnreadableError):
            self.circuit.failed()
            return
        self.circuit.succeeded()
        if isinstance(failure, RateLimitedError) and (wait := patience(failure)):
            await self.quota.close(wait, failure.reason)


def patience(failure: RateLimitedError) -> float:
    """How long no call leaves, in seconds. A day's quota is asked about hourly: what 429s say of it is too short."""
    return MAX_GATE_SECONDS if isinstance(failure, DailyQuotaSpentError) else failure.retry_after_seconds or 0.0


def second(request: CompletionRequest, flaw: FlawedError) -> CompletionRequest:
    """The prompt after a flawed completion: after one that was cut off, with more room for a shorter one.

    The same question with the same bound would be cut off again, and billed again.
    """
    if isinstance(flaw, TruncatedError):
        return CompletionRequest(shorter(request.prompt), MORE_ROOM)
    if isinstance(flaw, UnusableError | UntrueError):
        return CompletionRequest(corrected(request.prompt, flaw.said.text))
    return request


def true_findings(completion: Completion, facts: Facts) -> Findings:
    """The findings in a completion without what the facts do not say.

    Raises UnusableError, TruncatedError, or UntrueError.
    """
    try:
        findings, faults = true_part(findings_in(completion), facts)
    except NothingLeftError as nothing:
        raise UntrueError(str(nothing), usage=completion.usage) from nothing
    if faults:
        STRUCK_OUT.inc(len(faults))
        log.info("sentences of gemini struck out", count=len(faults), faults=faults[:MOST_FAULTS])
    return findings


def surprise(error: Exception) -> UnforeseenError:
    """An error that the provider should have translated: it costs the report, never the request."""
    log.error("unexpected error of the gemini client", exc_info=error)
    return UnforeseenError(type(error).__name__)
