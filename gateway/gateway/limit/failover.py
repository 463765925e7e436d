"""Postgres decides; when it cannot, this gateway's memory does, by the same algorithm; then back by itself.

Memory counts all the time, so the stand-in knows what was admitted before. After Postgres has come back, perhaps
without its unlogged table, both must have room for as long as the longest window: a client gets its quota once from a
gateway, not once from each of the two. Each use of the stand-in is counted (`ingress_decisions_total` with source
`memory`) and said in the response. No request fails because of the limiter.
"""

from math import inf

from gateway.limit.memory import MemoryLimiter
from gateway.limit.remembered_refusals import RememberedRefusals
from gateway.limit.window import Asked, Decision, Limiter, LimiterUnavailableError, Policy
from gateway.request.route_class import RouteClass
from shared.asyncio.clock import Clock
from shared.telemetry.loop_metrics import LoopCounter

DECISIONS = LoopCounter("ingress_decisions", "Ingress limit decisions", ["outcome", "source"])


class LimiterFailover:
    """The limiter that requests meet."""

    def __init__(self, shared: Limiter, memory: MemoryLimiter, refusals: RememberedRefusals, clock: Clock) -> None:
        self._shared, self._memory, self._refusals, self._clock = shared, memory, refusals, clock
        self._memory_decided_at = -inf

    async def decide(self, client: str, route_class: RouteClass, rows: int = 1) -> Decision:
        """Admit or refuse; never raises."""
        asked = Asked(client, route_class, rows)
        decision = self._recall(asked) or await self._ask(asked)
        DECISIONS.by_labels["admitted" if decision.admitted else "refused", decision.source] += 1
        return decision

    async def look(self, client: str) -> Decision:
        """What the windows of a client say now, at the cost of nothing; never raises."""
        try:
            decision = await self._shared.decide(client, None)
        except LimiterUnavailableError:
            return self._here(Asked(client, None), admitted=True)
        if not self._memory_counts(decision.policy):
            return decision
        here = self._here(Asked(client, None), admitted=True)
        return here if here.policy == decision.policy and min(here.remaining) < min(decision.remaining) else decision

    def _recall(self, asked: Asked) -> Decision | None:
        """A refusal that still holds, by the policy that still does."""
        decision = self._refusals.recall(asked)
        if decision is None or decision.policy != self._memory.policy_of(asked.client):
            return None
        return decision

    async def _ask(self, asked: Asked) -> Decision:
        client, route_class, rows = asked
        costs = self._memory.policy_of(client).costs_of(route_class, rows)
        slots = self._memory.take(client, costs)
        try:
            decision = await self._shared.decide(client, route_class, rows)
        except LimiterUnavailableError:
            self._memory_decided_at = self._clock()
            return self._here(asked, admitted=slots is not None)
        if decision.admitted and slots is None and self._memory_counts(decision.policy):
            decision = self._here(asked, admitted=False)
        if not decision.admitted:
            decision = self._believable(decision)
            self._refusals.remember(asked, decision)
            if slots is not None:
                self._memory.give_back(client, slots)
        return decision

    def _here(self, asked: Asked, *, admitted: bool) -> Decision:
        """What memory says, by the policy that holds now: that of a key may have changed while Postgres was asked."""
        costs = self._memory.policy_of(asked.client).costs_of(asked.route_class, asked.rows)
        return self._memory.decision(asked.client, costs, admitted=admitted)

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
