"""Turns at a model: least need first, none waits for ever, nothing is lost or computed twice."""

from collections import deque
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from prediction_service.batching.turns import PATIENCE, Request, Turns

NEVER = float("inf")


@dataclass(frozen=True, slots=True)
class Step:
    """A piece that knows whose it is."""

    whose: str
    place: int
    cost: int = 1


def request(whose: str, pieces: int, cost: int = 1, deadline: float = NEVER) -> Request[Step]:
    return Request(deque(Step(whose, place, cost) for place in range(pieces)), deadline)


def order(turns: Turns[Step], most_pieces: int = 1, most_cost: int = 1_000_000) -> str:
    """Whose pieces are computed, call by call."""
    calls = []
    while len(turns):
        taken, _ = turns.take(most_pieces, most_cost, 0.0)
        calls.append("".join(step.whose for step in taken))
    return " ".join(calls)


def test_a_small_request_is_done_before_a_huge_one_that_came_earlier() -> None:
    turns = Turns[Step]()
    turns.add(request("H", 50))
    turns.take(1, 1, 0.0)
    turns.add(request("s", 2))
    assert order(turns).startswith("s s")


def test_a_huge_request_has_its_share_while_small_ones_keep_coming() -> None:
    turns = Turns[Step]()
    turns.add(request("H", 100))
    seen = []
    for _ in range(400):
        turns.add(request("s", 1))
        taken, _ = turns.take(1, 1, 0.0)
        seen.append(taken[0].whose)
    assert seen.count("H") == 400 // PATIENCE


def test_equals_are_served_in_the_order_in_which_they_came() -> None:
    turns = Turns[Step]()
    for whose in "abcdef":
        turns.add(request(whose, 1))
    assert order(turns, most_pieces=4) == "abcd ef"


def test_a_call_holds_pieces_of_several_requests_while_they_are_few_and_cheap_enough() -> None:
    turns = Turns[Step]()
    turns.add(request("a", 2, cost=3))
    turns.add(request("b", 2, cost=5))
    assert order(turns, most_pieces=10, most_cost=12) == "aab b"
    turns.add(request("c", 1, cost=100))
    assert order(turns, most_pieces=10, most_cost=12) == "c"


def test_who_is_late_is_told_and_costs_nothing() -> None:
    turns = Turns[Step]()
    late, early = request("l", 1, deadline=1.0), request("e", 2, deadline=3.0)
    turns.add(late)
    turns.add(early)
    taken, gone = turns.take(4, 100, 2.0)
    assert [step.whose for step in taken] == ["e", "e"]
    assert gone == [late]
    assert (len(turns), turns.cost) == (0, 0)


def test_what_comes_first_is_known_before_it_is_computed() -> None:
    turns = Turns[Step]()
    for cost in (1, 5, 9):
        turns.add(request("x", 1, cost))
    assert [turns.before(cost) for cost in (1, 4, 5, 20)] == [2, 5, 11, 35]


def test_memory_does_not_grow_with_what_has_been_served() -> None:
    turns = Turns[Step]()
    for _ in range(2000):
        turns.add(request("H", 20, cost=9))
        for _ in range(18):
            turns.add(request("s", 1))
            turns.take(1, 1, 0.0)
        for waiting in [waiting for waiting in turns._by_age if waiting.cost > 1]:
            turns.remove(waiting)
    assert len(turns._by_cost) < 300


plans = st.lists(
    st.tuples(st.sampled_from(["add", "take", "remove"]), st.integers(1, 6), st.integers(1, 9)), max_size=120
)


@given(plans, st.integers(1, 5), st.integers(1, 20))
def test_every_piece_is_computed_once_or_its_request_was_removed(
    plan: list[tuple[str, int, int]], most_pieces: int, most_cost: int
) -> None:
    turns, added, removed, seen = Turns[Step](), dict[str, Request[Step]](), set[str](), list[Step]()
    total = dict[str, int]()
    for action, pieces, cost in plan:
        if action == "add":
            name = str(len(added))
            added[name], total[name] = request(name, pieces, cost), pieces
            turns.add(added[name])
        elif action == "remove" and added:
            name = str(pieces % len(added))
            if added[name] in turns:
                removed.add(name)
            turns.remove(added[name])
        else:
            seen += check_call(turns, most_pieces, most_cost)
        assert turns.cost == sum(waiting.cost for waiting in turns._by_age)
    while len(turns):
        seen += check_call(turns, most_pieces, most_cost)
    assert len(seen) == len(set(seen))
    for name, count in total.items():
        done = [step.place for step in seen if step.whose == name]
        assert done == list(range(len(done)))
        assert len(done) == count or name in removed


def check_call(turns: Turns[Step], most_pieces: int, most_cost: int) -> list[Step]:
    waited = len(turns)
    taken, late = turns.take(most_pieces, most_cost, 0.0)
    assert not late
    assert bool(taken) == bool(waited)
    assert len(taken) <= most_pieces
    assert len(taken) == 1 or sum(step.cost for step in taken) <= max(most_cost, taken[0].cost if taken else 0)
    return taken
