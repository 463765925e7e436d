"""What an ingress limit is: policies, decisions and the strict sliding window itself. Pure: no clock, no I/O.

A window of length L is cut into SLOTS equal slots. A request counts in the slot of its time, and its slot counts until
SLOTS whole slots have passed after it. So what was admitted is counted for at least L, at most L + L/SLOTS: in no
window of length L are more than `quota` admitted, and the state is of fixed size whatever the quota.
`gateway.admit` in Postgres computes the same with the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

SLOTS = 60
"""Slots per window: how late a place may become free again is at most 1/60 of the window (1 s of a minute)."""

MICROSECONDS = 1_000_000


@dataclass(frozen=True, slots=True)
class Window:
    """At most `quota` requests in any `seconds` seconds."""

    quota: int
    seconds: int

    @property
    def microseconds(self) -> int:
        """Its length in microseconds, the unit of the algorithm."""
        return self.seconds * MICROSECONDS

    @property
    def longest_wait_seconds(self) -> float:
        """How long something counts at most: the window and the slot in which it happened."""
        return self.seconds * (1 + 1 / SLOTS)


@dataclass(frozen=True, slots=True)
class Policy:
    """Windows that must all admit a request, shortest first."""

    windows: tuple[Window, ...]

    @property
    def name(self) -> str:
        """A text that changes with the policy, so that counts of another policy are never mixed in."""
        return ",".join(f"{window.quota}/{window.seconds}s" for window in self.windows)

    @property
    def longest_wait_seconds(self) -> float:
        """How long something counts at most, in whichever window."""
        return max(window.longest_wait_seconds for window in self.windows)


PolicyOf = Callable[[str], Policy]
"""Which policy holds for a client now."""


class Source(StrEnum):
    """Who decided."""

    POSTGRES = "postgres"
    """All gateways together."""
    MEMORY = "memory"
    """This gateway alone, while Postgres is away."""
    REMEMBERED = "remembered"
    """A refusal that Postgres gave earlier and that still holds."""


class Decision(NamedTuple):
    """What is decided about one request. Per window: how many more now, and in how many seconds there will be more."""

    admitted: bool
    remaining: tuple[int, ...]
    more_in_seconds: tuple[float, ...]
    retry_in_seconds: float
    """When a refused client will be admitted; 0 when admitted."""
    source: Source
    policy: Policy
    """By which it was decided: that of a key may change."""


class LimiterUnavailableError(Exception):
    """The limiter cannot decide now."""


class Limiter(Protocol):
    """Decides about requests of clients.

    Promises: in no window are more than its quota admitted; a refused request costs nothing; a client that waits
    `retry_in_seconds` and asks alone is admitted. Raises LimiterUnavailableError within 250 ms when it cannot decide.
    """

    async def decide(self, client: str) -> Decision:
        """Admit or refuse the next request of `client`."""
        ...


@dataclass(slots=True)
class SlidingWindow:
    """The counts of one client in one window: pairs of slot and count, oldest first, at most SLOTS + 1 of them."""

    window: Window
    counts: list[list[int]] = field(default_factory=list)
    total: int = 0

    def advance(self, now_us: int) -> int:
        """Forgets what no longer counts at `now_us` and returns the current slot.

        A clock that was set back leaves counts of a time to come. They are taken to have happened now: so they count
        for a whole window, and for no longer.
        """
        slot = now_us * SLOTS // self.window.microseconds
        if self.counts and self.counts[-1][0] > slot:
            self.counts = [[slot, self.total]]
        while self.counts and self.counts[0][0] < slot - SLOTS:
            self.total -= self.counts.pop(0)[1]
        return slot

    def has_room(self) -> bool:
        """Whether one more fits; only true to the time of the last `advance`."""
        return self.total < self.window.quota

    def take(self, slot: int) -> None:
        """Counts one request in `slot`, the newest."""
        if self.counts and self.counts[-1][0] == slot:
            self.counts[-1][1] += 1
        else:
            self.counts.append([slot, 1])
        self.total += 1

    def give_back(self, slot: int) -> None:
        """Takes back one request that was counted in `slot`, if it still counts."""
        for pair in self.counts:
            if pair[0] == slot:
                pair[1] -= 1
                self.total -= 1
                if pair[1] == 0:
                    self.counts.remove(pair)
                return

    def more_in_seconds(self, now_us: int) -> float:
        """Seconds until the oldest slot stops counting; 0 when nothing counts."""
        if not self.counts:
            return 0.0
        end_us = -(-(self.counts[0][0] + SLOTS + 1) * self.window.microseconds // SLOTS)
        return max(end_us - now_us, 0) / MICROSECONDS
