"""What an ingress limit is: policies, decisions and the strict sliding window itself. Pure: no clock, no I/O.

A request costs something in each window that counts it, mostly 1, and is admitted where all of them have room.

A window of length L is cut into SLOTS equal slots. A request counts in the slot of its time, and its slot counts until
SLOTS whole slots have passed after it. So what was admitted is counted for at least L, at most L + L/SLOTS: in no
window of length L are more than `quota` admitted, and the state is of fixed size whatever the quota.
`gateway.admit` in Postgres computes the same with the same numbers.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple, Protocol

from gateway.request.route_class import COUNTED_TOGETHER, RouteClass

SLOTS = 60
"""Slots per window: how late a place may become free again is at most 1/60 of the window (1 s of a minute)."""

MICROSECONDS = 1_000_000

Costs = tuple[int, ...]
"""What a request costs in each window of a policy; 0: the window does not count it."""


@dataclass(frozen=True, slots=True)
class Window:
    """At most `quota` requests, or rows of predictions, in any `seconds` seconds."""

    quota: int
    seconds: int
    route_class: RouteClass | None = None
    """Which requests it counts; None: predictions, feedback and reports together."""
    in_rows: bool = False
    """Whether it counts rows, which predictions alone have."""
    microseconds: int = field(init=False, repr=False, compare=False)
    """Its length in microseconds, the unit of the algorithm."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "microseconds", self.seconds * MICROSECONDS)

    @property
    def name(self) -> str:
        """As people write it."""
        of = "" if self.route_class is None else f"{self.route_class}:"
        return f"{of}{self.quota}{'rows' if self.in_rows else ''}/{self.seconds}s"

    @property
    def counts(self) -> frozenset[RouteClass]:
        """The classes of requests that cost something here."""
        if self.in_rows:
            return frozenset({RouteClass.PREDICT})
        return COUNTED_TOGETHER if self.route_class is None else frozenset({self.route_class})

    @property
    def longest_wait_seconds(self) -> float:
        """How long something counts at most: the window and the slot in which it happened."""
        return self.seconds * (1 + 1 / SLOTS)


@dataclass(frozen=True, slots=True)
class Policy:
    """Windows that must all admit a request which they count, shortest first."""

    windows: tuple[Window, ...]
    has_rows: bool = field(init=False, repr=False, compare=False)
    """Whether any window counts rows."""
    counts: frozenset[RouteClass] = field(init=False, repr=False, compare=False)
    """The classes of requests that any window counts."""
    _costs: dict[RouteClass | None, Costs] = field(init=False, repr=False, compare=False)
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash(self.windows))
        costs = {kind: tuple([int(kind in window.counts) for window in self.windows]) for kind in (None, *RouteClass)}
        object.__setattr__(self, "_costs", costs)
        object.__setattr__(self, "has_rows", any(window.in_rows for window in self.windows))
        object.__setattr__(self, "counts", frozenset().union(*(window.counts for window in self.windows)))

    def __hash__(self) -> int:
        """Computed once: every request of a key looks up what is said of its limits."""
        return self._hash

    def costs_of(self, route_class: RouteClass | None, rows: int = 1) -> Costs:
        """Of a request of this class, with so many rows; None: of one that only looks."""
        costs = self._costs[route_class]
        if rows == 1:
            return costs
        return tuple(
            [cost * rows if window.in_rows else cost for window, cost in zip(self.windows, costs, strict=True)]
        )

    @property
    def name(self) -> str:
        """A text that changes with the policy, so that counts of another policy are never mixed in."""
        return ",".join(window.name for window in self.windows)

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


class Asked(NamedTuple):
    """What a limiter is asked: these cost the same, as long as the policy of the client stays the same."""

    client: str
    route_class: RouteClass | None
    rows: int = 1


class LimiterUnavailableError(Exception):
    """The limiter cannot decide now."""


class Limiter(Protocol):
    """Decides about requests of clients.

    Promises: in no window are more than its quota admitted; a refused request costs nothing; a client that waits
    `retry_in_seconds` and asks alone is admitted. Raises LimiterUnavailableError within 250 ms when it cannot decide.
    """

    async def decide(self, client: str, route_class: RouteClass | None, rows: int = 1) -> Decision:
        """Admit or refuse the next request of `client`; None: only look, at the cost of nothing."""
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

    def has_room(self, cost: int) -> bool:
        """Whether so much more fits; only true to the time of the last `advance`."""
        return not cost or self.total + cost <= self.window.quota

    def take(self, slot: int, cost: int) -> None:
        """Counts a request in `slot`, the newest."""
        if not cost:
            return
        if self.counts and self.counts[-1][0] == slot:
            self.counts[-1][1] += cost
        else:
            self.counts.append([slot, cost])
        self.total += cost

    def give_back(self, slot: int, cost: int) -> None:
        """Takes back a request that was counted in `slot`, if it still counts."""
        for pair in self.counts:
            if pair[0] == slot:
                pair[1] -= cost
                self.total -= cost
                if pair[1] == 0:
                    self.counts.remove(pair)
                return

    def more_in_seconds(self, now_us: int) -> float:
        """Seconds until the oldest slot stops counting; 0 when nothing counts."""
        return self._ends_in_seconds(self.counts[0][0], now_us) if self.counts else 0.0

    def room_in_seconds(self, now_us: int, cost: int) -> float:
        """Seconds until enough of the oldest slots have stopped counting for so much more; 0: there is room now."""
        missing = self.total + cost - self.window.quota if cost else 0
        wait = 0.0
        for slot, count in self.counts:
            if missing <= 0:
                break
            wait, missing = self._ends_in_seconds(slot, now_us), missing - count
        return wait

    def _ends_in_seconds(self, slot: int, now_us: int) -> float:
        end_us = -(-(slot + SLOTS + 1) * self.window.microseconds // SLOTS)
        return max(end_us - now_us, 0) / MICROSECONDS
