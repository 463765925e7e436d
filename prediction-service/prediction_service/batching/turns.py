"""Whose turn it is at a model: a small request never waits for a huge one, and none waits for ever. Pure.

Each request is a row of pieces, as small as the model allows: a window of a long text, or a whole text. Turns go to the
request that needs least from now on, so whoever asks for little is done soon, whatever else is under way; and every
PATIENCE-th turn goes to the one that has waited longest, so whoever asks for much gets its share under any load.
"""

from collections import deque
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeVar

PATIENCE = 4
"""One turn in so many goes to who waits longest: a quarter of the model at least."""


VOID_ENTRIES = 64
"""Entries of the heap that may be void before it is made anew."""


class Piece(Protocol):
    """What the model computes in one go; `cost`: how much work that is, in a unit that the model's runtime chooses."""

    @property
    def cost(self) -> int:
        """At least 1."""
        ...


P = TypeVar("P", bound=Piece)


@dataclass(slots=True, eq=False)
class Request(Generic[P]):
    """The pieces that one request still needs, in their order, and what they cost together."""

    pieces: deque[P]
    deadline: float
    cost: int = 0
    number: int = field(default=0)

    def __post_init__(self) -> None:
        self.cost = sum(piece.cost for piece in self.pieces)


class Turns(Generic[P]):
    """The requests that wait. `cost` is what all of them need, in `pieces`. Who uses it from threads holds a lock."""

    def __init__(self) -> None:
        self.cost = self.pieces = 0
        self._by_age: dict[Request[P], None] = {}
        self._by_need: list[
            tuple[int, int, Request[P]]
        ] = []  # a heap; entries whose cost is not true any more are void
        self._turn = self._numbers = 0

    def __len__(self) -> int:
        return len(self._by_age)

    def __contains__(self, request: Request[P]) -> bool:
        return request in self._by_age

    def add(self, request: Request[P]) -> None:
        """Begins to wait."""
        self._numbers += 1
        request.number = self._numbers
        self.cost += request.cost
        self.pieces += len(request.pieces)
        self._by_age[request] = None
        self._enter(request)

    def remove(self, request: Request[P]) -> None:
        """Waits no more; nothing of what it still needed will be computed."""
        if request in self._by_age:
            del self._by_age[request]
            self.cost -= request.cost
            self.pieces -= len(request.pieces)

    def before(self, cost: int) -> int:
        """What is computed, as things stand, before a request of this cost is done, its own included."""
        return cost + sum(request.cost for request in self._by_age if request.cost <= cost)

    def take(self, most_pieces: int, most_cost: int, now: float) -> tuple[list[P], list[Request[P]]]:
        """What to compute next, at least one piece if any waits; and the requests whose time was over before it came.

        Pieces of several requests make one call, as long as they are few and cheap enough.
        """
        taken, late, cost = list[P](), list[Request[P]](), 0
        self._turn += 1
        request = self._oldest() if self._turn % PATIENCE == 0 else self._neediest_last()
        while request is not None:
            if request.deadline <= now:
                late.append(request)
                self.remove(request)
            else:
                cost += self._take_of(request, taken, most_pieces, most_cost - cost)
                if request.pieces:
                    break
            request = self._neediest_last()
        return taken, late

    def _take_of(self, request: Request[P], taken: list[P], most_pieces: int, most_cost: int) -> int:
        """Moves pieces of one request to `taken`, as many as there is room for; what they cost."""
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
        """Among those with the same need, the first that came is first."""
        if len(self._by_need) > 2 * len(self._by_age) + VOID_ENTRIES:
            self._by_need = [(waiting.cost, waiting.number, waiting) for waiting in self._by_age]
            heapify(self._by_need)
        else:
            heappush(self._by_need, (request.cost, request.number, request))

    def _oldest(self) -> Request[P] | None:
        return next(iter(self._by_age), None)

    def _neediest_last(self) -> Request[P] | None:
        """Who needs least; it leaves the heap, and comes back when it still needs something."""
        while self._by_need:
            cost, _, request = heappop(self._by_need)
            if request in self._by_age and request.cost == cost:
                return request
        return None
