"""Duties are done by one replica, and by the next one when it is gone."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.maintenance.leader import Leader
from shared.database.engine import create_engine
from shared.testing.postgres import Database

TICK = 0.01


class Replica:
    """Counts how often its duty was begun and whether it is at it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.begun, self.busy = 0, False
        self.leader = Leader(engine, [self.duty], heartbeat_seconds=TICK)

    async def duty(self) -> None:
        self.begun, self.busy = self.begun + 1, True
        try:
            await asyncio.Event().wait()
        finally:
            self.busy = False


@pytest.fixture
async def replicas(database: Database) -> AsyncIterator[list[Replica]]:
    replicas = [Replica(create_engine(database.url("metrics_service"), f"replica-{number}")) for number in range(2)]
    yield replicas
    for replica in replicas:
        await replica.engine.dispose()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(TICK)


async def test_one_leads_and_the_other_takes_over_when_it_stops(replicas: list[Replica]) -> None:
    async with AsyncExitStack() as second:
        async with replicas[0].leader.campaigning():
            await until(lambda: replicas[0].busy)
            await second.enter_async_context(replicas[1].leader.campaigning())
            await asyncio.sleep(20 * TICK)
            assert not replicas[1].busy
        await until(lambda: replicas[1].busy)
        assert not replicas[0].busy


async def test_a_leader_whose_connection_is_cut_steps_down(replicas: list[Replica], database: Database) -> None:
    async with replicas[0].leader.campaigning():
        await until(lambda: replicas[0].busy)
        await database.fetch("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'")
        await until(lambda: replicas[0].begun == 2)


async def test_a_duty_that_fails_is_begun_again(database: Database) -> None:
    engine, begun = create_engine(database.url("metrics_service"), "failing"), 0

    async def duty() -> None:
        nonlocal begun
        begun += 1
        raise RuntimeError("no luck")

    async with Leader(engine, [duty], heartbeat_seconds=TICK).campaigning():
        await until(lambda: begun >= 3)
    await engine.dispose()
