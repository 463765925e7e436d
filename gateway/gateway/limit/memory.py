"""The same algorithm in this process's memory: the stand-in while Postgres is away.

It also counts what Postgres admits through this gateway (`take` before, `give_back` when Postgres refuses), so that
neither the switch to the stand-in nor the return to a Postgres that has lost its unlogged table lets a client have its
quota twice from one gateway.
"""

from collections import OrderedDict
from typing import NamedTuple

from gateway.limit.window import MICROSECONDS, Costs, Decision, Policy, PolicyOf, SlidingWindow, Source
from shared.asyncio.clock import Clock

MAX_CLIENTS = 50_000
"""Clients that are remembered, the least recent are forgotten: about 50 MiB at worst."""

Slots = tuple[tuple[int, int], ...]
"""Per window: the slot in which a request was counted, and at what cost."""


class Counted(NamedTuple):
    """What is counted of a client, and by which policy."""

    policy: Policy
    windows: tuple[SlidingWindow, ...]


class MemoryLimiter:
    """Sliding windows of the clients that were here most recently. `clock` gives seconds and never goes back."""

    def __init__(
        self, policy: Policy, clock: Clock, max_clients: int = MAX_CLIENTS, policy_of: PolicyOf | None = None
    ) -> None:
        self.policy_of: PolicyOf = policy_of or (lambda _: policy)
        self._clock, self._max_clients = clock, max_clients
        self._clients: OrderedDict[str, Counted] = OrderedDict()

    def take(self, client: str, costs: Costs | None = None) -> Slots | None:
        """Counts a request in every window, or in none and returns None when one of them has no room. None: costs 1."""
        now_us = self._now_us()
        windows = self._counted(client).windows
        slots = []
        for window, cost in zip(windows, costs or (1,) * len(windows), strict=True):
            slots.append((window.advance(now_us), cost))
            if not window.has_room(cost):
                return None
        for window, (slot, cost) in zip(windows, slots, strict=True):
            window.take(slot, cost)
        return tuple(slots)

    def give_back(self, client: str, slots: Slots) -> None:
        """Undoes a `take`."""
        counted = self._clients.get(client)
        if counted is not None and len(counted.windows) == len(slots):
            for window, (slot, cost) in zip(counted.windows, slots, strict=True):
                window.give_back(slot, cost)

    def decision(self, client: str, costs: Costs | None = None, *, admitted: bool) -> Decision:
        """What the windows of `client` say now, to a request at these costs."""
        now_us = self._now_us()
        policy, windows = self._counted(client)
        for window in windows:
            window.advance(now_us)
        waits = [
            window.room_in_seconds(now_us, cost)
            for window, cost in zip(windows, costs or (1,) * len(windows), strict=True)
        ]
        return Decision(
            admitted=admitted,
            remaining=tuple([window.window.quota - window.total for window in windows]),
            more_in_seconds=tuple([window.more_in_seconds(now_us) for window in windows]),
            retry_in_seconds=0.0 if admitted else max(waits, default=0.0),
            source=Source.MEMORY,
            policy=policy,
        )

    def _counted(self, client: str) -> Counted:
        """The windows of a client; new ones, when another policy holds for it than before."""
        policy, counted = self.policy_of(client), self._clients.get(client)
        if counted is None or (counted.policy is not policy and counted.policy != policy):
            counted = self._clients[client] = Counted(
                policy, tuple([SlidingWindow(window) for window in policy.windows])
            )
            if len(self._clients) > self._max_clients:
                self._clients.popitem(last=False)
        else:
            self._clients.move_to_end(client)
        return counted

    def _now_us(self) -> int:
        return int(self._clock() * MICROSECONDS)
