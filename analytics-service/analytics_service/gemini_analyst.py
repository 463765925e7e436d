"""Findings by Gemini: a call passes lease, circuit and quota; failures are tried again; a flawed answer gets one more.

No call leaves without the lock, nor when Redis is away.
"""

import asyncio
import contextlib
from dataclasses import dataclass

import structlog

from analytics_service.circuit_breaker import CircuitBreaker, CircuitOpen
from analytics_service.clocks import Clock
from analytics_service.deadline import Deadline
from analytics_service.facts import Facts
from analytics_service.ledger import Ledger
from analytics_service.lock import Lease
from analytics_service.prompt import corrected, prompt_of
from analytics_service.provider import (
    ModelAnswer,
    Provider,
    ProviderError,
    RateLimited,
    Surprise,
    Unavailable,
    Unreadable,
)
from analytics_service.quota import CallQuota, QuotaExhausted
from analytics_service.redis_border import RedisAway
from analytics_service.report import FallbackReason, Findings
from analytics_service.report_parser import UnusableAnswer, parse
from analytics_service.retry import Sleep, attempts

SHORTEST_CALL_SECONDS = 0.5
"""With less time than this a call would only cost money."""

log = structlog.get_logger()


class NoFindings(Exception):
    """Gemini gave no usable report; `reason` says why."""

    def __init__(self, reason: FallbackReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


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

    async def findings(self, facts: Facts, lease: Lease, deadline: Deadline) -> Findings:
        """What Gemini says about the facts. Raises NoFindings, or RedisAway."""
        prompt = prompt_of(facts)
        try:
            return parse(await self.ask(prompt, lease, deadline))
        except (UnusableAnswer, Unreadable) as flaw:
            log.warning("gemini answer not usable", flaw=str(flaw))
            return await self.second_findings(corrected(prompt, str(flaw)), lease, deadline)
        except ProviderError as error:
            raise NoFindings(error.reason) from error

    async def second_findings(self, prompt: str, lease: Lease, deadline: Deadline) -> Findings:
        """What Gemini says when told what was wrong: one call, if it may leave. Raises NoFindings, or RedisAway."""
        try:
            return parse((await self.call(prompt, lease, deadline)).text)
        except ProviderError as error:
            raise NoFindings(error.reason) from error
        except (UnusableAnswer, NoFindings) as error:
            log.warning("gemini answer not usable", flaw=str(error))
            raise NoFindings(FallbackReason.ANSWER_INVALID) from error

    async def ask(self, prompt: str, lease: Lease, deadline: Deadline) -> str:
        """The answer to a prompt, with as many attempts as the schedule and the deadline allow."""
        schedule = attempts(self.sleep, deadline.seconds_left)
        return (await schedule(self.call, prompt, lease, deadline)).text

    async def call(self, prompt: str, lease: Lease, deadline: Deadline) -> ModelAnswer:
        """One call, if it may leave, and what its outcome means for circuit, gate and ledger."""
        await self.permit(lease, deadline)
        started = self.clock()
        try:
            answer = await self.provider.generate(prompt, min(self.call_seconds, deadline.seconds_left()))
        except Exception as error:
            failure = error if isinstance(error, ProviderError) else surprise(error)
            await self.settle(failure)
            await self.ledger.record(failure.reason, self.clock() - started, None)
            raise failure from error
        self.circuit.succeeded()
        await self.ledger.record("ok", self.clock() - started, answer)
        return answer

    async def permit(self, lease: Lease, deadline: Deadline) -> None:
        """Takes one call out of the quota. Raises NoFindings when none may leave, or RedisAway."""
        if not lease.is_held:
            raise NoFindings(FallbackReason.LOCK_LOST)
        if deadline.seconds_left() < SHORTEST_CALL_SECONDS:
            raise NoFindings(FallbackReason.DEADLINE)
        try:
            self.circuit.enter()
            await self.quota.take()
        except CircuitOpen as error:
            raise NoFindings(FallbackReason.CIRCUIT_OPEN) from error
        except (QuotaExhausted, RedisAway) as error:
            self.circuit.leave()
            if isinstance(error, RedisAway):
                raise
            raise NoFindings(FallbackReason.QUOTA_EXHAUSTED) from error

    async def settle(self, failure: ProviderError) -> None:
        """What a failed call means for the next ones."""
        if isinstance(failure, Unavailable):
            self.circuit.failed()
            return
        self.circuit.succeeded()
        if isinstance(failure, RateLimited) and failure.retry_after_seconds:
            with contextlib.suppress(RedisAway):  # then no call leaves anyway
                await self.quota.close(failure.retry_after_seconds)


def surprise(error: Exception) -> Surprise:
    """An error that the provider should have translated: it costs the report, never the request."""
    log.error("unexpected error of the gemini client", exc_info=error)
    return Surprise(type(error).__name__)
