"""Batches grow with the load and cost nothing without it; nobody waits for what nobody will read."""

import asyncio
import threading
import time

import pytest
from prometheus_client import REGISTRY

from prediction_service.batching.batcher import Batcher
from prediction_service.batching.problems import CallerLeft, DeadlinePassed, ModelFailed
from prediction_service.request.caller import Caller
from prediction_tests.gated_model import LABELS, STAYS, GatedRuntime, batcher_of, busy, never, queued
from shared.http.problems import Overloaded


def dropped() -> float:
    """Texts that waited for the gated model and were not computed."""
    return REGISTRY.get_sample_value("prediction_not_computed_total", LABELS) or 0.0


async def test_an_idle_model_waits_for_no_company(batcher: Batcher, runtime: GatedRuntime) -> None:
    runtime.gate.set()
    (outcome,) = await batcher.run(["alone"], STAYS)
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
        await batcher.run(["one too many"], STAYS)
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
    left = await queued(batcher, *"abcdefgh", caller=Caller(leaves))
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
        await batcher.run(["late"], STAYS)
    runtime.gate.set()
    with pytest.raises(Overloaded):
        await first
    await batcher.close()
    assert runtime.calls == [["first"]]


async def test_a_text_is_not_computed_once_its_own_caller_waits_no_longer(
    batcher: Batcher, runtime: GatedRuntime
) -> None:
    first = await busy(batcher, runtime)
    patient = await queued(batcher, "patient")
    with pytest.raises(DeadlinePassed, match=r"0\.05 s"):
        await batcher.run(["hurried"], Caller(never, 0.05))
    runtime.gate.set()
    await asyncio.gather(first, patient)
    assert runtime.calls == [["first"], ["patient"]]


async def test_a_deadline_holds_while_the_event_loop_is_too_busy_to_notice(
    batcher: Batcher, runtime: GatedRuntime
) -> None:
    first = await busy(batcher, runtime)
    hurried = asyncio.create_task(batcher.run(["hurried"], Caller(never, 0.05)))
    await asyncio.sleep(0)
    before = dropped()
    time.sleep(0.06)  # noqa: ASYNC251 - the loop stands still, and then the model becomes free
    runtime.gate.set()
    while dropped() == before:
        time.sleep(0.001)  # noqa: ASYNC251
    with pytest.raises(DeadlinePassed):
        await hurried
    await first
    assert runtime.calls == [["first"]]


async def test_nobody_waits_longer_than_the_service_allows(runtime: GatedRuntime) -> None:
    batcher = batcher_of(runtime, timeout_seconds=0.05)
    with pytest.raises(Overloaded):
        await batcher.run(["late"], Caller(never, 3600))
    runtime.gate.set()
    await batcher.close()


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
        assert isinstance((await broken)[0], ModelFailed)
    assert runtime.calls[1:] == [["good", "break", "nan"], ["good"], ["break"], ["nan"]]


async def test_only_quick_texts_are_computed_on_the_event_loop(batcher: Batcher, runtime: GatedRuntime) -> None:
    runtime.gate.set()
    await batcher.run(["long"], STAYS)
    assert threading.get_ident() not in runtime.threads
    runtime.threads.clear()
    await batcher.run(["quick"], STAYS)
    assert runtime.threads == {threading.get_ident()}


async def test_a_retired_model_finishes_what_it_has(batcher: Batcher, runtime: GatedRuntime) -> None:
    tasks = [await busy(batcher, runtime), await queued(batcher, *"abcde")]
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    assert not closing.done()
    runtime.gate.set()
    await closing
    assert [len(outcomes) for outcomes in await asyncio.gather(*tasks)] == [1, 5]
