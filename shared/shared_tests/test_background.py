"""A task beside everything else is started, watched and ended, whatever it does about that."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from structlog.testing import capture_logs

from shared.asyncio import background
from shared.asyncio.background import Background, end

Work = Callable[[], Coroutine[Any, Any, None]]


class Recorded:
    """Work that says how far it came."""

    def __init__(self) -> None:
        self.begun, self.ended = asyncio.Event(), asyncio.Event()

    async def __call__(self) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.ended.set()


async def test_it_runs_while_the_block_lasts_and_has_ended_after_it() -> None:
    work = Recorded()
    async with Background(work, "one"):
        await work.begun.wait()
        assert "one" in {task.get_name() for task in asyncio.all_tasks()}
        assert not work.ended.is_set()
    assert work.ended.is_set()
    assert "one" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_a_block_that_fails_ends_it_and_fails_as_it_did() -> None:
    work = Recorded()

    async def block() -> None:
        async with Background(work, "one"):
            await work.begun.wait()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await block()
    assert work.ended.is_set()


async def test_an_owner_may_start_end_and_start_it_again() -> None:
    work = Recorded()
    task = Background(work, "one")
    await task.end()
    for _ in range(2):
        task.start()
        with pytest.raises(RuntimeError, match="one runs already"):
            task.start()
        await work.begun.wait()
        await task.end()
        await task.end()
        assert work.ended.is_set()
        work.begun.clear()
        work.ended.clear()


async def test_the_end_waits_for_the_cleanup() -> None:
    cleaned = False

    async def work() -> None:
        nonlocal cleaned
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            cleaned = True

    async with Background(work, "one"):
        await asyncio.sleep(0)
    assert cleaned


async def test_work_that_fails_is_told_at_once_and_keeps_nobody_from_going_on() -> None:
    async def work() -> None:
        raise ZeroDivisionError

    with capture_logs() as lines:
        async with Background(work, "one"):
            async with asyncio.timeout(5):
                while not lines:
                    await asyncio.sleep(0)
    assert [(line["event"], line["task"], line["log_level"]) for line in lines] == [
        ("background task failed", "one", "error")
    ]
    assert isinstance(lines[0]["exc_info"], ZeroDivisionError)


async def test_a_cleanup_that_fails_is_told_and_not_raised() -> None:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ZeroDivisionError

    with capture_logs() as lines:
        async with Background(work, "one"):
            await asyncio.sleep(0)
    assert [line["event"] for line in lines] == ["background task failed"]


async def test_work_that_is_done_says_nothing() -> None:
    async def work() -> None:
        return

    with capture_logs() as lines:
        async with Background(work, "one"):
            await asyncio.sleep(0.01)
    assert lines == []


async def loses_one_cancellation() -> None:
    """As a client library does that takes a cancellation for its own."""
    while True:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            break
    await asyncio.Event().wait()


async def fails_at_its_cleanup_and_goes_on() -> None:
    """As a loop does that must outlive every failure."""
    failed = False
    while True:
        try:
            try:
                await asyncio.Event().wait()
            finally:
                if not failed:
                    failed = True
                    raise ZeroDivisionError
        except ZeroDivisionError:
            continue


async def member_fails_meanwhile() -> None:
    """A TaskGroup of which a member fails when it is cancelled, in a loop that outlives that."""

    async def member() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise ZeroDivisionError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(member())
    except* ZeroDivisionError:
        pass
    await asyncio.Event().wait()


@pytest.mark.parametrize("work", [loses_one_cancellation, fails_at_its_cleanup_and_goes_on, member_fails_meanwhile])
async def test_a_cancellation_that_is_lost_is_repeated(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(background, "CANCEL_AGAIN_SECONDS", 0.05)
    task = Background(work, "one")
    task.start()
    await asyncio.sleep(0.01)
    async with asyncio.timeout(5):
        await task.end()
    assert "one" not in {task.get_name() for task in asyncio.all_tasks()}


async def test_who_is_cancelled_while_it_ends_stays_cancelled() -> None:
    """The owner's own cancellation is not taken for the one of its task."""
    may_end, work_begun = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        work_begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await may_end.wait()

    async def owner() -> None:
        async with Background(work, "one"):
            await work_begun.wait()

    task = asyncio.create_task(owner())
    await work_begun.wait()
    await asyncio.sleep(0.01)  # the owner is at the end of its block, which waits for the work's cleanup
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    may_end.set()


async def test_many_end_together() -> None:
    """Each takes as long as it takes, and all of them no longer than the longest."""
    ended: list[int] = []

    async def work(number: int) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(number / 100)
            ended.append(number)

    tasks = [asyncio.create_task(work(number)) for number in (3, 1, 2)]
    await asyncio.sleep(0)
    await end(*tasks)
    assert ended == [1, 2, 3]
    await end(*tasks)
    await end()
