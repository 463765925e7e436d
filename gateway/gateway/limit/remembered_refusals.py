"""Remembered refusals: who was refused is refused without a question to Postgres until there is room."""

from collections import OrderedDict

from gateway.limit.window import Asked, Decision, Source
from shared.asyncio.clock import Clock

MAX_CLIENTS = 50_000
"""Refusals that are remembered; a forgotten one costs one question more."""


class RememberedRefusals:
    """Refusals by what was asked. `clock` gives seconds and never goes back."""

    def __init__(self, clock: Clock, max_clients: int = MAX_CLIENTS) -> None:
        self._clock, self._max_clients = clock, max_clients
        self._refused: OrderedDict[Asked, tuple[float, Decision]] = OrderedDict()

    def remember(self, asked: Asked, decision: Decision) -> None:
        """Keeps a refusal, as of now."""
        self._refused[asked] = (self._clock(), decision)
        self._refused.move_to_end(asked)
        if len(self._refused) > self._max_clients:
            self._refused.popitem(last=False)

    def recall(self, asked: Asked) -> Decision | None:
        """The refusal that still holds, with the time that is left of it; None when there is none."""
        refused = self._refused.get(asked)
        if refused is None:
            return None
        since, decision = refused
        gone = self._clock() - since
        if gone >= decision.retry_in_seconds:
            del self._refused[asked]
            return None
        return Decision(
            admitted=False,
            remaining=decision.remaining,
            more_in_seconds=tuple([max(wait - gone, 0.0) for wait in decision.more_in_seconds]),
            retry_in_seconds=decision.retry_in_seconds - gone,
            source=Source.REMEMBERED,
            policy=decision.policy,
        )
