"""Behind a busy model a statement waits a moment for company; otherwise nobody waits."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from math import inf

import pytest

from prediction_service.records.addition import Addition, KeptResponse
from prediction_service.records.record import Record
from prediction_service.records.recorder import GATHER_MOST_SECONDS, GATHER_SECONDS, MANY_EXPECTED, MAX_ROWS, Recorder

LONG = 60.0
RECORD = Record("id", datetime.now(UTC), "model", "1.0.0", "classification", "label", 1.0, 1.0, 1, {}, None)


class Statements:
    """In the place of Postgres: how many requests each statement had."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    async def add(self, additions: Sequence[Addition]) -> Mapping[Addition, KeptResponse]:
        self.sizes.append(len(additions))
        return {}


async def turn() -> None:
    """Everybody who can go on has gone on."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_statement_waits_while_a_model_has_much_in_hand() -> None:
    statements = Statements()
    async with Recorder(statements, 100, gather_seconds=LONG) as recorder:
        with ExitStack() as in_hand:
            for _ in range(MANY_EXPECTED):
                in_hand.enter_context(recorder.expecting())
            answers = []
            for _ in range(3):
                answers.append(asyncio.create_task(recorder.add(Addition([RECORD]))))
                await turn()
            assert statements.sizes == []
        await asyncio.gather(*answers)
    assert statements.sizes == [3]


async def test_a_statement_waits_no_longer_than_its_time() -> None:
    statements = Statements()
    async with Recorder(statements, 100, gather_seconds=0.01) as recorder:
        with ExitStack() as in_hand:
            for _ in range(MANY_EXPECTED):
                in_hand.enter_context(recorder.expecting())
            await recorder.add(Addition([RECORD]))
    assert statements.sizes == [1]


async def test_a_statement_waits_for_nobody_when_a_model_has_little_in_hand() -> None:
    statements = Statements()
    async with Recorder(statements, 100, gather_seconds=LONG) as recorder:
        with ExitStack() as in_hand:
            for _ in range(MANY_EXPECTED - 1):
                in_hand.enter_context(recorder.expecting())
            for _ in range(3):
                await recorder.add(Addition([RECORD]))
    assert statements.sizes == [1, 1, 1]


@pytest.mark.parametrize(
    ("waited", "patience"),
    [
        pytest.param(0.05, GATHER_SECONDS, id="what is fast is worth no longer wait"),
        pytest.param(0.48, pytest.approx(0.04), id="a twelfth of the time that it waited anyway"),
        pytest.param(64.0, GATHER_MOST_SECONDS, id="never long"),
    ],
)
async def test_a_statement_waits_for_a_share_of_the_time_that_its_request_waited_anyway(
    waited: float, patience: float
) -> None:
    async with Recorder(Statements(), 100) as recorder:
        answer = asyncio.ensure_future(recorder.add(Addition([RECORD], waited=waited)))
        await asyncio.sleep(0)
        assert recorder.patience == patience
        await answer
        assert recorder.patience == inf


@pytest.mark.parametrize("first", ["fast", "slow"])
async def test_beside_a_slow_model_that_is_busy_a_fast_one_is_not_held_up_as_long(first: str) -> None:
    """Whether it is the first whom a statement waits with, or comes to those that wait: then they go with it."""
    statements = Statements()
    async with Recorder(statements, 100, gather_seconds=1.0, gather_most_seconds=LONG) as recorder:
        with ExitStack() as in_hand:
            for _ in range(MANY_EXPECTED):
                in_hand.enter_context(recorder.expecting())
            answers = []
            for _ in range(2):
                waited = {"fast": 0.001, "slow": 100 * LONG}[first]
                answers.append(asyncio.create_task(recorder.add(Addition([RECORD], waited=waited))))
                first = "slow" if first == "fast" else "fast"
                await turn()
            async with asyncio.timeout(LONG / 2):
                await asyncio.gather(*answers)
    assert statements.sizes == [2]


async def test_a_full_statement_waits_for_nobody_nor_do_those_for_whom_it_had_no_room() -> None:
    statements, full = Statements(), Addition([RECORD] * MAX_ROWS)
    async with Recorder(statements, 2 * MAX_ROWS, gather_seconds=LONG) as recorder:
        answers = [asyncio.create_task(recorder.add(addition)) for addition in (full, Addition([RECORD]))]
        await asyncio.sleep(0)
        with ExitStack() as in_hand:
            for _ in range(MANY_EXPECTED):
                in_hand.enter_context(recorder.expecting())
            async with asyncio.timeout(LONG / 2):
                await asyncio.gather(*answers)
    assert statements.sizes == [1, 1]
