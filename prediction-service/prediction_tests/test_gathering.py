"""Behind a busy model a statement waits a moment for company; otherwise nobody waits."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime

from prediction_service.records.addition import Addition, KeptResponse
from prediction_service.records.record import Record
from prediction_service.records.recorder import MANY_EXPECTED, Recorder

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
