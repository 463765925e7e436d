"""Schedules requests at a model: shortest remaining work first, without starvation. Pure.

Each request is a sequence of pieces, as small as the model allows: a window of a long text, or a whole text. A turn
goes to the request with the least remaining cost, so that small requests do not wait for large ones; and every
PATIENCE-th turn goes to the request that has waited longest, so that large ones get their share under any load.
"""

from collections import deque
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar

PATIENCE = 4
"""One turn in so many goes to the request that has waited longest: at least a quarter of the model."""

OUTDATED_ENTRIES = 64
"""Outdated entries that the heap may have, beyond its length, before it is rebuilt."""


class Piece(Protocol):
    """The smallest unit that a model computes. `cost`: its work, in the unit of the model's runtime."""

    @property
    def cost(self) -> int:
        """At least 1."""
        ...


P = TypeVar("P", bound=Piece)


@dataclass(slots=True, eq=False)
class Request(Generic[P]):
    """The remaining pieces of one request, in order, and their total cost."""

    pieces: deque[P]
    deadline: float
    cost: int = 0
    number: int = field(default=0)

    def __post_init__(self) -> None:
        self.cost = sum(piece.cost for piece in self.pieces)


class Turns(Generic[P]):
    """The requests that wait; `cost` and `pieces` are their totals. Not thread-safe: callers hold a lock."""

    def __init__(self) -> None:
        self.cost = self.pieces = 0
        self._by_age: dict[Request[P], None] = {}
        self._by_cost: list[
            tuple[int, int, Request[P]]
        ] = []  # a heap; entries with another cost than their request are outdated
        self._turn = self._numbers = 0

    def __len__(self) -> int:
        return len(self._by_age)

    def __contains__(self, request: Request[P]) -> bool:
        return request in self._by_age

    def add(self, request: Request[P]) -> None:
        """Adds a request."""
        self._numbers += 1
        request.number = self._numbers
        self.cost += request.cost
        self.pieces += len(request.pieces)
        self._by_age[request] = None
        self._enter(request)

    def remove(self, request: Request[P]) -> None:
        """Removes a request; its remaining pieces are not computed."""
        if request in self._by_age:
            del self._by_age[request]
            self.cost -= request.cost
            self.pieces -= len(request.pieces)

    def before(self, cost: int) -> int:
        """The cost of everything that is computed until a request of this cost is done, its own included."""
        return cost + sum(request.cost for request in self._by_age if request.cost <= cost)

    def take(self, most_pieces: int, most_cost: int, now: float) -> tuple[list[P], list[Request[P]]]:
        """The pieces of the next call, at least one if any waits; and requests whose deadline has passed.

        One call has pieces of several requests, as far as both limits allow. All that is returned has left the queue.
        """
        taken, late, cost = list[P](), list[Request[P]](), 0
        self._turn += 1
        request = self._oldest() if self._turn % PATIENCE == 0 else self._pop_cheapest()
        while request is not None:
            if request.deadline <= now:
                late.append(request)
                self.remove(request)
            else:
                cost += self._take_of(request, taken, most_pieces, most_cost - cost)
                if request.pieces:
                    break
            request = self._pop_cheapest()
        return taken, late

    def _take_of(self, request: Request[P], taken: list[P], most_pieces: int, most_cost: int) -> int:
        """Moves pieces of one request to `taken`, as far as the limits allow. Returns their cost."""
        cost = 0
        while request.pieces and len(taken) < most_pieces:
            piece = request.pieces[0]
            if taken and cost + piece.cost > most_cost:
                break
            taken.append(request.pieces.popleft())
            cost += piece.cost
            self.pieces -= 1
        request.cost -= cost
        self.cost -= cost
        if request.pieces:
            self._enter(request)
        else:
            del self._by_age[request]
        return cost

    def _enter(self, request: Request[P]) -> None:
        """Puts a request into the heap. Of several with the same cost the first to come is first."""
        if len(self._by_cost) > 2 * len(self._by_age) + OUTDATED_ENTRIES:
            self._by_cost = [(waiting.cost, waiting.number, waiting) for waiting in self._by_age]
            heapify(self._by_cost)
        else:
            heappush(self._by_cost, (request.cost, request.number, request))

    def _oldest(self) -> Request[P] | None:
        return next(iter(self._by_age), None)

    def _pop_cheapest(self) -> Request[P] | None:
        """Takes the request with the least remaining cost out of the heap; `_take_of` puts it back if pieces remain."""
        while self._by_cost:
            cost, _, request = heappop(self._by_cost)
            if request in self._by_age and request.cost == cost:
                return request
        return None
