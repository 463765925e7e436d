"""The same algorithm in this process's memory: the stand-in while Postgres is away.

It also counts what Postgres admits through this gateway (`take` before, `give_back` when Postgres refuses), so that
neither the switch to the stand-in nor the return to a Postgres that has lost its unlogged table lets a client have its
quota twice from one gateway.
"""

from collections import OrderedDict

from gateway.limit.window import MICROSECONDS, Decision, Policy, SlidingWindow, Source
from shared.asyncio.clock import Clock

MAX_CLIENTS = 50_000
"""Clients that are remembered, the least recent are forgotten: about 50 MiB at worst."""

Slots = tuple[int, ...]
"""The slot, per window, in which a request was counted."""


class MemoryLimiter:
    """Sliding windows of the clients that were here most recently. `clock` gives seconds and never goes back."""

    def __init__(self, policy: Policy, clock: Clock, max_clients: int = MAX_CLIENTS) -> None:
        self.policy, self._clock, self._max_clients = policy, clock, max_clients
        self._clients: OrderedDict[str, tuple[SlidingWindow, ...]] = OrderedDict()

    def take(self, client: str) -> Slots | None:
        """Counts one request in every window, or in none and returns None when one of them is full."""
        now_us = self._now_us()
        windows = self._windows(client)
        slots = tuple(window.advance(now_us) for window in windows)
        if not all(window.has_room() for window in windows):
            return None
        for window, slot in zip(windows, slots, strict=True):
            window.take(slot)
        return slots

    def give_back(self, client: str, slots: Slots) -> None:
        """Undoes a `take`."""
        for window, slot in zip(self._clients.get(client, ()), slots, strict=False):
            window.give_back(slot)

    def decision(self, client: str, *, admitted: bool) -> Decision:
        """What the windows of `client` say now."""
        now_us = self._now_us()
        windows = self._windows(client)
        more = tuple(window.more_in_seconds(now_us) for window in windows)
        full = [wait for window, wait in zip(windows, more, strict=True) if not window.has_room()]
        return Decision(
            admitted=admitted,
            remaining=tuple(window.window.quota - window.total for window in windows),
            more_in_seconds=more,
            retry_in_seconds=0.0 if admitted else max(full, default=0.0),
            source=Source.MEMORY,
        )

    def _windows(self, client: str) -> tuple[SlidingWindow, ...]:
        windows = self._clients.get(client)
        if windows is None:
            windows = self._clients[client] = tuple(SlidingWindow(window) for window in self.policy.windows)
            if len(self._clients) > self._max_clients:
                self._clients.popitem(last=False)
        else:
            self._clients.move_to_end(client)
        return windows

    def _now_us(self) -> int:
        return int(self._clock() * MICROSECONDS)
