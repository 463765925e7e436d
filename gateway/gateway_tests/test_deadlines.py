"""Blocks that end when their time is over, and only then."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from gateway.proxy.deadlines import Deadline, Deadlines


class Now:
    """A clock that a test sets."""

    seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture
async def deadlines(now: Now) -> AsyncIterator[Deadlines]:
    deadlines = Deadlines(now)
    async with deadlines.watched():
        yield deadlines


async def test_a_block_ends_when_its_time_is_over(deadlines: Deadlines, now: Now) -> None:
    async with asyncio.timeout(10) as patience:
        block = asyncio.create_task(waiting(deadlines, lambda deadline: deadline.set(5)))
        await swept(deadlines)
        assert not block.done()
        now.seconds = 5
        with pytest.raises(TimeoutError):
            await block
    assert not patience.expired()


async def test_a_block_may_be_given_more_time_but_none_that_has_all_it_likes(deadlines: Deadlines, now: Now) -> None:
    with Deadline(deadlines) as renewed, Deadline(deadlines) as cleared:
        renewed.set(5)
        renewed.renew(50)
        cleared.set(5)
        cleared.clear()
        cleared.renew(5)
        now.seconds = 40
        await swept(deadlines)
    assert deadlines.due == {}


async def test_a_block_that_is_over_is_not_ended(deadlines: Deadlines) -> None:
    with Deadline(deadlines) as deadline:
        deadline.set(5)
    assert deadlines.due == {}
    deadline.end()
    await asyncio.sleep(0)
    await asyncio.sleep(0)


async def test_a_block_that_its_own_task_ends_goes_on_to_its_next_wait(deadlines: Deadlines) -> None:
    with pytest.raises(TimeoutError):
        await waiting(deadlines, lambda deadline: deadline.end())
    await asyncio.sleep(0)  # nothing of it is left for what the task does next


async def test_whoever_cancels_the_task_as_well_is_heard(deadlines: Deadlines) -> None:
    task = asyncio.create_task(waiting(deadlines, lambda deadline: deadline.end()))
    await asyncio.sleep(0)  # it has begun, and its deadline is about to end it …
    task.cancel()  # … when somebody else does
    with pytest.raises(asyncio.CancelledError):
        await task


async def waiting(deadlines: Deadlines, begin: Callable[[Deadline], None]) -> None:
    """A block that begins so, and waits for ever."""
    with Deadline(deadlines) as deadline:
        begin(deadline)
        await asyncio.Event().wait()


async def swept(deadlines: Deadlines) -> None:
    """Returns once the deadlines of this time have been looked at."""
    with pytest.raises(TimeoutError):
        await waiting(deadlines, lambda deadline: deadline.set(0))
