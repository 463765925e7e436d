"""Postgres decides; when it cannot, this gateway's memory does, by the same algorithm; then back by itself.

Memory counts all the time, so the stand-in knows what was admitted before. After Postgres has come back, perhaps
without its unlogged table, both must have room for as long as the longest window: a client gets its quota once from a
gateway, not once from each of the two. Each use of the stand-in is counted (`ingress_decisions_total` with source
`memory`) and said in the response. No request fails because of the limiter.
"""

from math import inf

from gateway.limit.memory import MemoryLimiter
from gateway.limit.remembered_refusals import RememberedRefusals
from gateway.limit.window import Decision, Limiter, LimiterUnavailableError, Policy
from shared.asyncio.clock import Clock
from shared.telemetry.loop_metrics import LoopCounter

DECISIONS = LoopCounter("ingress_decisions", "Ingress limit decisions", ["outcome", "source"])


class LimiterFailover:
    """The limiter that requests meet."""

    def __init__(self, shared: Limiter, memory: MemoryLimiter, refusals: RememberedRefusals, clock: Clock) -> None:
        self._shared, self._memory, self._refusals, self._clock = shared, memory, refusals, clock
        self._memory_decided_at = -inf

    async def decide(self, client: str) -> Decision:
        """Admit or refuse; never raises."""
        decision = self._recall(client) or await self._ask(client)
        DECISIONS.by_labels["admitted" if decision.admitted else "refused", decision.source] += 1
        return decision

    def _recall(self, client: str) -> Decision | None:
        """A refusal that still holds, by the policy that still does."""
        decision = self._refusals.recall(client)
        return decision if decision is not None and decision.policy == self._memory.policy_of(client) else None

    async def _ask(self, client: str) -> Decision:
        slots = self._memory.take(client)
        try:
            decision = await self._shared.decide(client)
        except LimiterUnavailableError:
            self._memory_decided_at = self._clock()
            return self._memory.decision(client, admitted=slots is not None)
        if decision.admitted and slots is None and self._memory_counts(decision.policy):
            decision = self._memory.decision(client, admitted=False)
        if not decision.admitted:
            decision = self._believable(decision)
            self._refusals.remember(client, decision)
            if slots is not None:
                self._memory.give_back(client, slots)
        return decision

    def _memory_counts(self, policy: Policy) -> bool:
        """Whether memory may still count what it has admitted alone."""
        return self._clock() < self._memory_decided_at + policy.longest_wait_seconds

    def _believable(self, decision: Decision) -> Decision:
        """A refusal that lasts no longer than a window: whatever a clock did elsewhere, nothing counts for longer."""
        longest = decision.policy.longest_wait_seconds
        if decision.retry_in_seconds <= longest:
            return decision
        more = tuple([min(wait, longest) for wait in decision.more_in_seconds])
        return decision._replace(more_in_seconds=more, retry_in_seconds=longest)
