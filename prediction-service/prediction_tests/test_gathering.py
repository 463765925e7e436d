"""Behind a busy model a statement waits a moment for company; otherwise nobody waits."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest

from prediction_service.records.addition import Addition, KeptResponse
from prediction_service.records.record import Record
from prediction_service.records.recorder import GATHER_MOST_SECONDS, GATHER_SECONDS, MANY_EXPECTED, Recorder

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
    ("seconds_each", "patience"),
    [
        pytest.param(0.001, GATHER_SECONDS, id="what is fast is worth no longer wait"),
        pytest.param(0.01, pytest.approx(0.05 * 64 * 0.01), id="a twentieth of the time that they wait anyway"),
        pytest.param(1.0, GATHER_MOST_SECONDS, id="never long"),
    ],
)
async def test_a_statement_waits_for_a_share_of_the_time_that_requests_wait_anyway(
    seconds_each: float, patience: float
) -> None:
    now = 1000.0
    async with Recorder(Statements(), 100, clock=lambda: now) as recorder:
        in_hand = deque[ExitStack]()
        for _ in range(200):
            while len(in_hand) < 65:
                in_hand.append(ExitStack())
                in_hand[-1].enter_context(recorder.expecting())
            now += seconds_each
            in_hand.popleft().close()
        assert recorder.patience == patience
        for stack in in_hand:
            stack.close()


async def test_an_hour_in_which_nobody_asks_is_nobodys_wait() -> None:
    now = 1000.0
    async with Recorder(Statements(), 100, clock=lambda: now) as recorder:
        with recorder.expecting():
            now += 0.001
        now += 3600
        with ExitStack() as in_hand:
            for _ in range(64):
                in_hand.enter_context(recorder.expecting())
            with recorder.expecting():
                now += 0.001
            assert recorder.patience == GATHER_SECONDS
