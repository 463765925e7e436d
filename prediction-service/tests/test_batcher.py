"""Batches grow with the load and cost nothing without it; nobody waits for what nobody will read."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from prediction_service.batcher import Batcher, CallerLeft, ModelFailed
from shared.runtime.problems import Overloaded


class GatedRuntime:
    """A model that computes when the test lets it, and remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.threads: set[int] = set()
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()

    def probabilities(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.calls.append(list(texts))
        self.threads.add(threading.get_ident())
        self.started.release()
        if not self.gate.wait(10):
            raise TimeoutError("the test never opened the gate")
        if "break" in texts:
            raise ValueError("cannot compute this")
        return [[float("nan")] if text == "nan" else [1.0] for text in texts]

    def is_quick(self, texts: Sequence[str]) -> bool:
        return texts[0] == "quick"


async def stays() -> None:
    """A caller who does not leave."""
    await asyncio.Event().wait()


@pytest.fixture
def runtime() -> GatedRuntime:
    return GatedRuntime()


def batcher_of(runtime: GatedRuntime, **bounds: float) -> Batcher:
    chosen = {"max_rows": 4, "workers": 1, "queue_rows": 8, "timeout_seconds": 10.0} | bounds
    return Batcher("gated/1.0.0", runtime, **chosen)


@pytest.fixture
async def batcher(runtime: GatedRuntime) -> AsyncIterator[Batcher]:
    batcher = batcher_of(runtime)
    yield batcher
    runtime.gate.set()
    await batcher.close()


async def busy(batcher: Batcher, runtime: GatedRuntime) -> asyncio.Task:
    """One text is being computed, and will be until the gate opens."""
    task = asyncio.create_task(batcher.run(["first"], stays))
    await asyncio.to_thread(runtime.started.acquire)
    return task


async def queued(batcher: Batcher, *texts: str, leaves=stays) -> asyncio.Task:
    """A request that waits."""
    task = asyncio.create_task(batcher.run(list(texts), leaves))
    await asyncio.sleep(0)
    return task


async def test_an_idle_model_waits_for_no_company(batcher: Batcher, runtime: GatedRuntime) -> None:
    runtime.gate.set()
    (outcome,) = await batcher.run(["alone"], stays)
    assert outcome.batch_rows == 1
    assert runtime.calls == [["alone"]]


async def test_what_gathers_meanwhile_is_one_batch_that_counts_rows_and_not_requests(
    batcher: Batcher, runtime: GatedRuntime
) -> None:
    tasks = [await busy(batcher, runtime), await queued(batcher, "a"), await queued(batcher, *"bcdef")]
    runtime.gate.set()
    first, one, many = await asyncio.gather(*tasks)
    assert runtime.calls == [["first"], ["a", "b", "c", "d"], ["e", "f"]]
    assert [outcome.batch_rows for outcome in (*first, *one, *many)] == [1, 4, 4, 4, 4, 2, 2]


async def test_as_many_workers_as_there_are_batches_begin_at_once(runtime: GatedRuntime) -> None:
    batcher = batcher_of(runtime, workers=2, queue_rows=16)
    task = await queued(batcher, *"abcdefghij")
    for _ in range(2):
        await asyncio.to_thread(runtime.started.acquire)
    assert sorted(runtime.calls) == [["a", "b", "c", "d"], ["e", "f", "g", "h"]]
    runtime.gate.set()
    assert len(await task) == 10
    await batcher.close()


async def test_a_full_queue_refuses_at_once_and_says_when_to_come_back(batcher: Batcher, runtime: GatedRuntime) -> None:
    tasks = [await busy(batcher, runtime), await queued(batcher, *"abcdefgh")]
    with pytest.raises(Overloaded) as refusal:
        await batcher.run(["one too many"], stays)
    assert int(refusal.value.headers["Retry-After"]) >= 1
    runtime.gate.set()
    await asyncio.gather(*tasks)
    assert "one too many" not in str(runtime.calls)


async def test_a_text_whose_caller_has_gone_is_not_computed_and_makes_room_at_once(
    batcher: Batcher, runtime: GatedRuntime
) -> None:
    gone = asyncio.Event()

    async def leaves() -> None:
        await gone.wait()

    first = await busy(batcher, runtime)
    left = await queued(batcher, *"abcdefgh", leaves=leaves)
    gone.set()
    with pytest.raises(CallerLeft):
        await left
    stayed = await queued(batcher, *"ijklmnop")
    runtime.gate.set()
    await asyncio.gather(first, stayed)
    assert runtime.calls == [["first"], list("ijkl"), list("mnop")]


async def test_a_text_whose_time_has_run_out_is_not_computed(runtime: GatedRuntime) -> None:
    batcher = batcher_of(runtime, timeout_seconds=0.05)
    first = await busy(batcher, runtime)
    with pytest.raises(Overloaded):
        await batcher.run(["late"], stays)
    runtime.gate.set()
    with pytest.raises(Overloaded):
        await first
    await batcher.close()
    assert runtime.calls == [["first"]]


async def test_a_request_that_is_cancelled_is_not_computed(batcher: Batcher, runtime: GatedRuntime) -> None:
    first = await busy(batcher, runtime)
    cancelled = await queued(batcher, "cancelled")
    cancelled.cancel()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    runtime.gate.set()
    await first
    assert runtime.calls == [["first"]]


async def test_a_text_that_breaks_the_model_costs_its_company_nothing(batcher: Batcher, runtime: GatedRuntime) -> None:
    first = await busy(batcher, runtime)
    good, bad, odd = [await queued(batcher, text) for text in ("good", "break", "nan")]
    runtime.gate.set()
    assert len(await good) == len(await first) == 1
    for broken in (bad, odd):
        with pytest.raises(ModelFailed):
            await broken
    assert runtime.calls[1:] == [["good", "break", "nan"], ["good"], ["break"], ["nan"]]


async def test_only_quick_texts_are_computed_on_the_event_loop(batcher: Batcher, runtime: GatedRuntime) -> None:
    runtime.gate.set()
    await batcher.run(["long"], stays)
    assert threading.get_ident() not in runtime.threads
    runtime.threads.clear()
    await batcher.run(["quick"], stays)
    assert runtime.threads == {threading.get_ident()}


async def test_a_retired_model_finishes_what_it_has(batcher: Batcher, runtime: GatedRuntime) -> None:
    tasks = [await busy(batcher, runtime), await queued(batcher, *"abcde")]
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    assert not closing.done()
    runtime.gate.set()
    await closing
    assert [len(outcomes) for outcomes in await asyncio.gather(*tasks)] == [1, 5]
