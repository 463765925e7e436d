"""A model's cache: never another result than without it, and one computation for what is asked for at once."""

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prediction_service.batching.job import Outcome, Results
from prediction_service.batching.measures import Measures
from prediction_service.batching.problems import CallerLeft, ModelFailed, ModelUnavailable, TookTooLong
from prediction_service.batching.reading import RequestTooCostly
from prediction_service.caching import outcome_cache
from prediction_service.caching.flights import PATIENT, another
from prediction_service.caching.kept import Kept
from prediction_service.caching.keys import keys_of, tensor_bytes
from prediction_service.caching.outcome_cache import LARGE_BYTES, OutcomeCache
from prediction_service.request.caller import Caller
from prediction_service.signature.signature import Instance
from prediction_tests.cached_echo import Call, Echo, are_cached, outputs, said, settled
from shared.http.problems import Overloaded, Problem


async def test_what_was_said_is_said_again_without_the_model() -> None:
    model = Echo()
    first, second = [await model.told("a", "b") for _ in range(2)]
    assert outputs(first) == outputs(second) == ["<a>", "<b>"]
    assert (are_cached(first), are_cached(second)) == ([False, False], [True, True])
    assert second == [Outcome("<a>", 0.0, 0, 0.0, is_cached=True), Outcome("<b>", 0.0, 0, 0.0, is_cached=True)]
    assert [call.texts for call in model.calls] == [["a", "b"]]


async def test_what_is_not_known_is_one_request_to_the_model_each_row_of_it_once() -> None:
    model = Echo()
    await model.told("b")
    results = await model.told("a", "b", "c", "a", "a", "c")
    assert outputs(results) == ["<a>", "<b>", "<c>", "<a>", "<a>", "<c>"]
    assert are_cached(results) == [False, True, False, True, True, True]
    assert [call.texts for call in model.calls] == [["b"], ["a", "c"]]


async def test_a_row_that_many_ask_for_at_once_is_computed_once() -> None:
    model = Echo()
    asking = [await model.asked("a") for _ in range(50)]
    asking.append(await model.asked("b", "a"))
    assert [call.texts for call in model.open] == [["a"], ["b"]]
    for call in model.open:
        call.land()
    *alone, both = await asyncio.gather(*asking)
    assert [outputs(results) for results in alone] == [["<a>"]] * 50
    assert outputs(both) == ["<b>", "<a>"]
    assert [are_cached(results) for results in alone] == [[False]] + [[True]] * 49
    assert are_cached(both) == [False, True]


async def test_equal_batches_at_once_are_computed_once() -> None:
    model = Echo()
    asking = [await model.asked(*order) for order in ("abc", "cba", "abcab")]
    (call,) = model.open
    call.land()
    assert [outputs(results) for results in await asyncio.gather(*asking)] == [
        [said(text) for text in order] for order in ("abc", "cba", "abcab")
    ]


@pytest.mark.parametrize("text", ["0", "7"])
async def test_nobody_waits_for_rows_of_others_that_it_does_not_need(text: str) -> None:
    model = Echo()
    large = await model.asked(*map(str, range(1000)))
    small = await model.asked(text)
    the_same = await model.asked(text)
    _, of_small = model.open
    assert of_small.texts == [text]
    of_small.land()
    assert outputs(await small) == outputs(await the_same) == [said(text)]
    assert not large.done()
    assert are_cached(await model.ask(text)) == [True]
    (of_large,) = model.open
    of_large.land()
    assert outputs(await large) == [said(str(number)) for number in range(1000)]


async def test_who_came_first_may_leave_and_the_others_are_told() -> None:
    model, door = Echo(), asyncio.Event()

    async def left() -> None:
        await door.wait()

    leading = asyncio.create_task(model.ask("a", caller=Caller(left)))
    await settled()
    following = await model.asked("a")
    door.set()
    with pytest.raises(CallerLeft):
        await leading
    (call,) = model.calls
    call.land()
    assert outputs(await following) == ["<a>"]


async def test_who_came_later_was_in_the_queue_for_so_much_shorter_and_what_is_computed_is_no_queue() -> None:
    model = Echo()
    leading = await model.asked("a", "a")
    came = perf_counter()
    while perf_counter() - came < 0.01:  # the later one comes so much later
        pass
    following = await model.asked("a")
    (call,) = model.calls
    call.land(queue_seconds=1000.0)
    (first, same), (later,) = await leading, await following
    assert first.queue_seconds == same.queue_seconds == 1000.0
    assert 900.0 < later.queue_seconds < 999.99
    assert (first.inference_seconds, later.inference_seconds) == (0.5, 0.0)
    following = await model.asked("b"), await model.asked("b")
    (call,) = model.open
    call.land(queue_seconds=0.0)
    assert [results[0].queue_seconds for results in await asyncio.gather(*following)] == [0.0, 0.0]


async def test_what_is_computed_is_counted_once_whoever_has_left_and_what_is_spared_for_each_who_is_told() -> None:
    model, door = Echo(), asyncio.Event()

    async def left() -> None:
        await door.wait()

    leading = asyncio.create_task(model.ask("a", "b", caller=Caller(left)))
    await settled()
    following = [await model.asked("a", "b") for _ in range(2)]
    door.set()
    with pytest.raises(CallerLeft):
        await leading
    assert counted(model) == (0, 0)
    (call,) = model.calls
    call.land()
    await asyncio.gather(*following)
    assert counted(model) == (4, 2)
    await model.told("a", "c", "c")
    assert counted(model) == (6, 3)


def counted(model: Echo) -> tuple[int, int]:
    """Rows that were spared, and those that were computed."""
    statistics = model.cache._measures.statistics
    return statistics.cache_hit.count, statistics.cache_miss.count


async def test_the_keys_of_large_tensors_are_made_beside_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = list[str]()

    def seen(instances: Sequence[Instance]) -> list[bytes]:
        threads.append(threading.current_thread().name)
        return keys_of(instances)

    async def compute(instances: Sequence[Instance], _: Caller) -> Results:
        return [Outcome(float(row[1].sum()), 0.5, len(instances)) for row in instances]

    monkeypatch.setattr(outcome_cache, "keys_of", seen)
    cache = OutcomeCache(10, 1 << 20, compute, Measures("large/1.0.0"))
    small = [("a", np.zeros(LARGE_BYTES // 8))]
    large = [("a", None), ("a", np.ones(LARGE_BYTES // 16)), ("a", np.ones(LARGE_BYTES // 16 + 1))]
    assert outputs(await cache.run(small, PATIENT, float(1 << 40))) == [0.0]
    for is_kept in (False, True):
        results = await cache.run(large[1:], PATIENT, float(1 << 40))
        assert outputs(results) == [LARGE_BYTES // 16, LARGE_BYTES // 16 + 1]
        assert are_cached(results) == [is_kept, is_kept]
    cache.close()
    assert threads == ["MainThread", "cache-keys-1", "cache-keys-1"]
    assert tensor_bytes(large) == LARGE_BYTES + 8, "one that is missing in the first row is none that all lack"
    assert tensor_bytes([]) == tensor_bytes(["text"]) == tensor_bytes([("text", 1.5)]) == 0


async def test_who_waits_for_the_keys_of_others_waits_no_longer_than_it_gives_or_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are made one after the other; those of whoever is gone are not made at all."""
    made, free = list[int](), threading.Event()

    def slow(instances: Sequence[Instance]) -> list[bytes]:
        made.append(len(instances))
        assert free.wait(60)
        return keys_of(instances)

    async def compute(instances: Sequence[Instance], _: Caller) -> Results:
        return [Outcome("said", 0.5, len(instances)) for _ in instances]

    async def gone() -> None:
        return

    monkeypatch.setattr(outcome_cache, "keys_of", slow)
    cache = OutcomeCache(10, 1 << 20, compute, Measures("queued/1.0.0"))
    row = (np.ones(LARGE_BYTES // 8 + 1),)
    async with asyncio.timeout(50):
        first = asyncio.create_task(cache.run([row], PATIENT, float(1 << 40)))
        await settled()
        assert await cache.run([row] * 2, PATIENT, perf_counter() + 0.01) is None
        with pytest.raises(CallerLeft):
            await cache.run([row] * 3, Caller(gone), float(1 << 40))
        await settled()
        free.set()
        assert outputs(await first) == ["said"]
        assert are_cached(await cache.run([row] * 4, PATIENT, float(1 << 40))) == [True] * 4
    assert made == [1, 4]
    cache.close()


async def test_the_time_of_who_came_first_is_its_own() -> None:
    model = Echo()
    leading = asyncio.create_task(model.ask("a", deadline=0.0))
    following = await model.asked("a")
    assert await leading is None
    (call,) = model.calls
    call.land()
    assert outputs(await following) == ["<a>"]


async def test_who_has_time_left_when_a_flight_has_none_waits_for_one_more_together() -> None:
    model = Echo()
    leading = asyncio.create_task(model.ask("a", deadline=0.0))
    following = [await model.asked("a") for _ in range(50)]
    more = await model.asked("a", "b")
    assert await leading is None
    of_leader, of_more = model.open
    of_leader.answer.set_exception(TookTooLong("no time", retry_after_seconds=1))
    await settled()
    of_more_too, anew = model.open
    assert (of_more_too, of_more.texts, anew.texts) == (of_more, ["b"], ["a"])
    for call in model.open:
        call.land()
    assert [outputs(results) for results in await asyncio.gather(*following)] == [["<a>"]] * 50
    assert outputs(await more) == ["<a>", "<b>"]


async def test_who_waited_for_a_flight_that_ran_out_of_time_was_in_the_queue_all_the_while() -> None:
    model = Echo()
    leading = asyncio.create_task(model.ask("a", deadline=0.0))
    following = [await model.asked("a") for _ in range(2)]
    assert await leading is None
    came = perf_counter()
    while perf_counter() - came < 0.01:
        pass
    model.open[0].answer.set_exception(TookTooLong("no time", retry_after_seconds=1))
    await settled()
    (anew,) = model.open
    anew.land(queue_seconds=1000.0)
    for (result,) in await asyncio.gather(*following):
        assert 1000.01 < result.queue_seconds < 1001.0


async def test_who_has_no_time_left_is_told_with_the_flight() -> None:
    model, soon = Echo(), perf_counter() + 0.05
    hurried = asyncio.create_task(model.cache.run(["a"], PATIENT, soon))
    await settled()
    while perf_counter() < soon:  # the loop stands still: what ends the flight comes first
        pass
    (call,) = model.open
    call.answer.set_exception(TookTooLong("no time", retry_after_seconds=1))
    with suppress(TookTooLong):
        assert await hurried is None
    assert model.calls == [call]


async def test_many_rows_are_kept_a_few_at_a_time_and_none_after_the_end() -> None:
    model, texts = Echo(rows=1000), [str(number) for number in range(1000)]
    asking = await model.asked(*texts)
    model.open[0].land()
    assert outputs(await asking) == [said(text) for text in texts]
    assert 0 < len(model.cache._kept) < 1000, "others had their turn meanwhile"
    await settled()
    assert len(model.cache._kept) == 1000
    again = Echo(rows=1000)
    asking = await again.asked(*texts)
    again.open[0].land()
    await asking
    again.cache.close()
    await settled()
    assert len(again.cache._kept) == 0


async def test_what_nobody_waits_for_any_more_is_computed_no_further_and_found_by_nobody() -> None:
    model = Echo()
    asking = [await model.asked("a", "b") for _ in range(3)]
    (call,) = model.calls
    for task in asking[:2]:
        task.cancel()
    await settled()
    assert not call.cancelled
    asking[2].cancel()
    late = await model.asked("a", "b")
    assert call.cancelled
    _, anew = model.calls
    anew.land()
    assert outputs(await late) == ["<a>", "<b>"]


@pytest.mark.parametrize("error", [Overloaded("full", retry_after_seconds=7), ModelUnavailable("stuck")])
async def test_no_room_and_no_model_are_told_to_all_at_once_each_for_itself(error: Problem) -> None:
    model = Echo()
    asking = [await model.asked("a") for _ in range(1000)]
    (call,) = model.calls
    call.answer.set_exception(error)
    problems = await asyncio.gather(*asking, return_exceptions=True)
    assert len({id(problem) for problem in problems}) == 1000
    assert {(type(problem), problem.detail, problem.headers["Retry-After"]) for problem in problems} == {
        (type(error), error.detail, error.headers["Retry-After"])
    }
    assert model.calls == [call], "nobody tries again in their place"
    assert outputs(await model.told("a")) == ["<a>"]


async def test_a_request_that_is_refused_is_told_so_before_others_have_what_it_needs_too() -> None:
    model = Echo()
    other = await model.asked("a")
    refused = await model.asked("a", "b", "c")
    of_other, own = model.open
    own.answer.set_exception(Overloaded("full"))
    with pytest.raises(Overloaded):
        await refused
    assert not of_other.answer.done()
    of_other.land()
    assert outputs(await other) == ["<a>"]


async def test_what_failed_is_told_to_all_who_wait_and_is_not_kept() -> None:
    model = Echo()
    asking = [await model.asked("!", "a", "!") for _ in range(2)]
    (call,) = model.calls
    call.land()
    one, other = await asyncio.gather(*asking)
    assert outputs(one) == outputs(other) == [ModelFailed, "<a>", ModelFailed]
    assert len({id(failed) for failed in (one[0], one[2], other[0], other[2])}) == 4
    assert outputs(await model.told("!", "a")) == [ModelFailed, "<a>"]
    assert [call.texts for call in model.calls] == [["!", "a"], ["!"]]


async def test_an_output_that_cannot_be_kept_is_given_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Kept, "keep", no_memory)
    model = Echo()
    for _ in range(2):
        assert outputs(await model.told("a")) == ["<a>"]
    assert len(model.calls) == 2


def test_an_error_for_another_is_the_same_and_has_a_traceback_of_its_own() -> None:
    error = RequestTooCostly("m", 7)
    copied = another(error)
    with pytest.raises(RequestTooCostly):
        raise copied
    assert vars(copied) == vars(error)
    assert str(copied) == str(error)
    assert error.__traceback__ is None


@dataclass(eq=False)
class Asked:
    """A request of the play, and what was done to it."""

    texts: list[str]
    is_hurried: bool
    task: "asyncio.Task[Results | None]"
    door: asyncio.Event = field(default_factory=asyncio.Event)
    is_cancelled: bool = False


class Play:
    """Requests, landings, refusals, leavings in any order; what has to hold after each of them."""

    def __init__(self, rows: int) -> None:
        self.model, self.requests, self.refused = Echo(rows), list[Asked](), list[Call]()

    def ask(self, texts: list[str], *, is_hurried: bool) -> None:
        door = asyncio.Event()

        async def left() -> None:
            await door.wait()

        deadline = 0.0 if is_hurried else float(1 << 40)
        task = asyncio.create_task(self.model.ask(*texts, deadline=deadline, caller=Caller(left)))
        self.requests.append(Asked(texts, is_hurried, task, door))

    def land(self, call: Call) -> None:
        call.land()

    def refuse(self, call: Call) -> None:
        self.refused.append(call)
        call.answer.set_exception(Overloaded("full"))

    def leave(self, asked: Asked) -> None:
        asked.door.set()

    def cancel(self, asked: Asked) -> None:
        asked.is_cancelled = True
        asked.task.cancel()

    def check(self) -> None:
        waiting = [asked for asked in self.requests if not asked.task.done()]
        for call in self.model.open:
            assert any(set(call.texts) <= set(asked.texts) for asked in waiting), "what is computed is waited for"
            assert len(call.texts) == len(set(call.texts))
        assert len({frozenset(call.texts) for call in self.model.open}) == len(self.model.open)
        for asked in waiting:
            assert not asked.is_hurried
            assert any(set(call.texts) <= set(asked.texts) for call in self.model.open), "who waits is computed for"
        for asked in self.requests:
            if asked.task.done():
                self.check_end(asked)

    def check_end(self, asked: Asked) -> None:
        if asked.task.cancelled():
            assert asked.is_cancelled
            return
        error = asked.task.exception()
        if isinstance(error, CallerLeft):
            assert asked.door.is_set()
        elif error is not None:
            assert isinstance(error, Overloaded)
            assert any(set(call.texts) <= set(asked.texts) for call in self.refused), "by what it needed"
        elif (results := asked.task.result()) is None:
            assert asked.is_hurried
        else:
            assert outputs(results) == [said(text) for text in asked.texts]

    async def end(self) -> None:
        while self.model.open:
            for call in self.model.open:
                call.land()
            await settled()
            self.check()
        assert all(asked.task.done() for asked in self.requests)
        assert self.model.cache._flights._by_first == {}
        assert asyncio.all_tasks() == {asyncio.current_task()}
        errors = [asked.task.exception() for asked in self.requests if not asked.task.cancelled()]
        assert len({id(error) for error in errors if error}) == sum(error is not None for error in errors)


texts = st.lists(st.sampled_from(["a", "b", "c", "d", "!"]), min_size=1, max_size=4)
whichever = st.integers(0, 3)
steps = st.one_of(
    st.tuples(st.just("ask"), texts, st.sampled_from([False, False, False, True])),
    st.tuples(st.sampled_from(["land", "refuse", "leave", "cancel"]), whichever, st.just(None)),
)


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(rows=st.integers(1, 5), story=st.lists(st.tuples(steps, st.booleans()), max_size=25))
def test_whatever_happens_everybody_is_told_what_the_model_says_or_why_not(rows: int, story: list[tuple]) -> None:
    async def play() -> None:
        played = Play(rows)
        for (step, which, is_hurried), is_awaited in story:
            if step == "ask":
                played.ask(which, is_hurried=is_hurried)
            else:
                of = played.model.open if step in ("land", "refuse") else played.requests
                if which < len(of):
                    getattr(played, step)(of[-1 - which])
            if is_awaited:
                await settled()
                played.check()
        await settled()
        played.check()
        await played.end()

    asyncio.run(play())
