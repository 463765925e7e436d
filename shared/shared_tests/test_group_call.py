"""Who waits is the next group, nobody is forgotten, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.asyncio.background import Background
from shared.asyncio.group_call import Group, GroupCall, Waiters, fail, set_or_after, tell

Calls = GroupCall[str, str]


class AbsentError(Exception):
    """Nobody answers."""


class Answering:
    """Who is called; each call lasts until it may end."""

    def __init__(self) -> None:
        self.groups: list[dict[str, int]] = []
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.calls_now = self.most_calls = 0

    async def __call__(self, group: Group[str, str]) -> None:
        self.groups.append({key: len(waiters) for key, waiters in group.items()})
        self.calls_now += 1
        self.most_calls = max(self.most_calls, self.calls_now)
        await self.may_end.wait()
        self.calls_now -= 1
        for key, waiters in group.items():
            tell(waiters, key.upper())


async def turn() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


@asynccontextmanager
async def serving(
    calls: Calls, call: Callable[[Group[str, str]], Awaitable[None]], idle_seconds: float | None = None
) -> AsyncIterator[None]:
    async with Background(partial(calls.serve, call, idle_seconds=idle_seconds), "serving"):
        await turn()
        yield


async def test_who_is_alone_is_called_for_at_once() -> None:
    calls, answering = Calls(AbsentError, max_size=10), Answering()
    async with serving(calls, answering):
        assert await calls.join("a") == "A"
        assert await calls.join("b") == "B"
    assert answering.groups == [{"a": 1}, {"b": 1}]


async def test_who_comes_during_a_call_is_the_next_group_and_equal_keys_share_a_place() -> None:
    calls, answering = Calls(AbsentError, max_size=10), Answering()
    async with serving(calls, answering):
        answering.may_end.clear()
        first = calls.join("a")
        await turn()
        later = [calls.join(key) for key in "bcba"]
        assert calls.size == 3
        await turn()
        assert answering.groups == [{"a": 1}]
        answering.may_end.set()
        assert [await future for future in (first, *later)] == ["A", "B", "C", "B", "A"]
    assert answering.groups == [{"a": 1}, {"b": 2, "c": 1, "a": 1}]
    assert calls.size == 0


async def test_who_came_before_serving_begins_is_served() -> None:
    calls, answering = Calls(AbsentError, max_size=10), Answering()
    early = calls.join("a")
    async with serving(calls, answering):
        assert await early == "A"


async def test_a_group_is_as_large_as_it_may_be_and_what_is_larger_goes_alone() -> None:
    calls, answering = Calls(AbsentError, max_size=4, size_of=len), Answering()
    waiting = [calls.join(key) for key in ("aa", "bb", "c", "dddddd", "eee", "f")]
    assert calls.size == 15
    async with serving(calls, answering):
        await asyncio.gather(*waiting)
    assert [list(group) for group in answering.groups] == [["aa", "bb"], ["c"], ["dddddd"], ["eee", "f"]]


async def test_who_leaves_costs_the_others_nothing() -> None:
    calls, answering = Calls(AbsentError, max_size=10), Answering()
    staying, leaving, other = calls.join("a"), calls.join("a"), calls.join("b")
    leaving.cancel()
    async with serving(calls, answering):
        assert await staying == "A"
        assert await other == "B"
    assert leaving.cancelled()


async def test_an_error_of_one_is_not_the_others() -> None:
    async def call(group: Group[str, str]) -> None:
        for key, waiters in group.items():
            if key == "a":
                fail(waiters, ValueError(key))
            else:
                tell(waiters, key.upper())

    calls = Calls(AbsentError, max_size=10)
    refused, served = calls.join("a"), calls.join("b")
    async with serving(calls, call):
        with pytest.raises(ValueError, match="a"):
            await refused
        assert await served == "B"


async def test_a_call_that_fails_ends_serving_and_everybody_is_told() -> None:
    calls, called = Calls(AbsentError, max_size=1), asyncio.Event()

    async def call(_: Group[str, str]) -> None:
        called.set()
        await turn()
        raise ZeroDivisionError

    serve = asyncio.create_task(calls.serve(call))
    in_the_group, waiting = calls.join("a"), calls.join("b")
    await called.wait()
    just_come = calls.join("c")
    with pytest.raises(ZeroDivisionError):
        await serve
    for future in (in_the_group, waiting, just_come):
        with pytest.raises(AbsentError):
            await future
    assert calls.size == 0
    later, answering = calls.join("d"), Answering()
    async with serving(calls, answering):
        assert await later == "D"
    assert answering.groups == [{"d": 1}]


async def test_who_waits_when_serving_is_cancelled_is_told_whatever_it_is_at() -> None:
    never = asyncio.Event()
    answering, calls = Answering(), Calls(AbsentError, max_size=10)
    answering.may_end = never
    async with serving(calls, answering):
        in_the_group = calls.join("a")
        await turn()
        waiting = calls.join("b")
    gathering = Calls(AbsentError, max_size=10, gather=wait_for(never))
    async with serving(gathering, answering):
        held_back = gathering.join("c")
        await turn()
    for future in (in_the_group, waiting, held_back):
        with pytest.raises(AbsentError):
            await future
    assert answering.groups == [{"a": 1}]


def wait_for(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def wait() -> None:
        await event.wait()

    return wait


async def test_a_group_goes_when_it_has_gathered() -> None:
    may_go = asyncio.Event()
    calls, answering = Calls(AbsentError, max_size=10, gather=wait_for(may_go)), Answering()
    async with serving(calls, answering):
        first = calls.join("a")
        await turn()
        second = calls.join("b")
        await turn()
        assert answering.groups == []
        may_go.set()
        assert await asyncio.gather(first, second) == ["A", "B"]
    assert answering.groups == [{"a": 1, "b": 1}]


async def test_when_nobody_comes_it_is_called_for_nobody_and_gathers_nobody() -> None:
    calls, answering = Calls(AbsentError, max_size=10, gather=wait_for(asyncio.Event())), Answering()
    async with serving(calls, answering, idle_seconds=0.01), asyncio.timeout(5):
        while len(answering.groups) < 3:
            await asyncio.sleep(0.01)
    assert not any(answering.groups)


async def test_an_event_is_waited_for_no_longer_than_said() -> None:
    event = asyncio.Event()
    async with asyncio.timeout(5):
        await set_or_after(event, 0.01)
    event.set()
    async with asyncio.timeout(5):
        await set_or_after(event, None)
        await set_or_after(event, 60)


STEPS = st.lists(
    st.one_of(
        st.text("abc", min_size=1, max_size=4).map(lambda key: ("join", key)),
        st.integers(0, 30).map(lambda number: ("leave", number)),
        st.sampled_from([("turn", None), ("hold", None), ("release", None)]),
    ),
    max_size=40,
)


class Story:
    """Whoever comes, leaves and waits."""

    def __init__(self, max_size: int) -> None:
        self.calls, self.answering = Calls(AbsentError, max_size=max_size, size_of=len), Answering()
        self.joined: list[tuple[str, asyncio.Future[str]]] = []

    async def join(self, key: str) -> None:
        self.joined.append((key, self.calls.join(key)))

    async def leave(self, number: int) -> None:
        if self.joined:
            self.joined[number % len(self.joined)][1].cancel()

    async def turn(self, _: None) -> None:
        await turn()

    async def hold(self, _: None) -> None:
        self.answering.may_end.clear()

    async def release(self, _: None) -> None:
        self.answering.may_end.set()

    async def run(self, steps: list[tuple[str, object]]) -> list[object]:
        """What everybody got in the end."""
        async with serving(self.calls, self.answering), asyncio.timeout(5):
            for step, value in steps:
                await getattr(self, step)(value)
            self.answering.may_end.set()
            results = await asyncio.gather(*(future for _, future in self.joined), return_exceptions=True)
            while self.calls.size or self.answering.calls_now:
                await turn()
            return results


@given(STEPS, st.integers(1, 6))
def test_everybody_is_served_once_in_groups_of_at_most_that_size(steps: list[tuple[str, object]], size: int) -> None:
    story = Story(size)
    results = asyncio.run(story.run(steps))
    for (key, future), result in zip(story.joined, results, strict=True):
        assert future.cancelled() or result == key.upper()
    groups = story.answering.groups
    assert sum(sum(group.values()) for group in groups) == len(story.joined)
    assert all(len(group) == 1 or sum(map(len, group)) <= size for group in groups)
    assert story.answering.most_calls <= 1


async def test_waiters_that_have_left_are_not_told() -> None:
    loop = asyncio.get_running_loop()
    waiters: Waiters[str] = [loop.create_future() for _ in range(4)]
    waiters[0].cancel()
    tell(waiters[:2], "yes")
    fail(waiters[1:3], ValueError("no"))
    assert waiters[1].result() == "yes"
    assert isinstance(waiters[2].exception(), ValueError)
    assert not waiters[3].done()
