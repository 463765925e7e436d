"""The limit in Postgres itself: strict over any number of gateways, true in what it promises, clean after itself."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from gateway.limit.cleanup import forget_old_clients
from gateway.limit.postgres import PostgresLimiter
from gateway.limit.window import Decision, Policy, Window
from gateway.request.route_class import RouteClass
from shared.database.connection import Connector
from shared.database.urls import for_libpq
from shared.testing.postgres import Database

PREDICT = RouteClass.PREDICT

OLD = """
INSERT INTO gateway.ingress_client
SELECT 'old', 'client-' || n, '{0}', '{0}', '{0}', '{0}', now() - interval '1 second'
FROM generate_series(1, 12000) AS n
"""


@pytest.fixture
async def limiters(database: Database) -> AsyncIterator["Limiters"]:
    async with AsyncExitStack() as stack:
        yield Limiters(Connector(database.url("gateway"), "test"), stack)


class Limiters:
    """As many as the test wants, as in as many gateways."""

    def __init__(self, connector: Connector, stack: AsyncExitStack) -> None:
        self.connector, self.stack = connector, stack

    async def start(self, policy: Policy, count: int) -> list[PostgresLimiter]:
        limiters = [await self.stack.enter_async_context(PostgresLimiter(self.connector, policy)) for _ in range(count)]
        while not all(limiter.available for limiter in limiters):
            await asyncio.sleep(0.01)
        return limiters


@pytest.mark.parametrize("_", range(3))
async def test_random_arrivals_over_three_gateways_never_exceed_the_quota(limiters: Limiters, _: int) -> None:
    """Times are taken around each decision, so a window that holds them for certain holds the decision too."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    policy = Policy((Window(chance.randint(2, 12), 1), Window(chance.randint(13, 30), 3)))
    gateways = await limiters.start(policy, 3)
    loop = asyncio.get_running_loop()
    admitted: list[tuple[float, float]] = []

    async def arrive(delay: float) -> None:
        await asyncio.sleep(delay)
        before = loop.time()
        decision = await chance.choice(gateways).decide("client", PREDICT)
        if decision.admitted:
            admitted.append((before, loop.time()))

    await asyncio.gather(*(arrive(chance.uniform(0, 4) ** 2 / 4) for _ in range(400)))
    for window in policy.windows:
        for start, _ in admitted:
            certain = [times for times in admitted if start <= times[0] and times[1] < start + window.seconds]
            assert len(certain) <= window.quota
    assert len(admitted) >= policy.windows[0].quota


async def test_a_refused_client_that_waits_as_told_is_admitted(limiters: Limiters) -> None:
    (limiter,) = await limiters.start(Policy((Window(3, 1), Window(5, 2))), 1)
    refusals = 0
    for _ in range(14):
        decision = await limiter.decide("client", PREDICT)
        if not decision.admitted:
            refusals += 1
            assert 0 < decision.retry_in_seconds <= 2 * 61 / 60
            await asyncio.sleep(decision.retry_in_seconds)
            assert (await limiter.decide("client", PREDICT)).admitted
    assert refusals >= 2


async def test_a_refused_request_costs_nothing(limiters: Limiters) -> None:
    (limiter,) = await limiters.start(Policy((Window(2, 1),)), 1)
    decisions = await asyncio.gather(*(limiter.decide("client", PREDICT) for _ in range(50)))
    assert sum(decision.admitted for decision in decisions) == 2
    await asyncio.sleep(decisions[-1].retry_in_seconds)
    again = await asyncio.gather(*(limiter.decide("client", PREDICT) for _ in range(50)))
    assert sum(decision.admitted for decision in again) == 2


async def test_who_waits_at_the_same_moment_is_decided_in_one_round_trip(
    limiters: Limiters, database: Database
) -> None:
    (limiter,) = await limiters.start(Policy((Window(60, 60),)), 1)
    decisions = await asyncio.gather(*(limiter.decide(f"client-{number}", PREDICT) for number in range(300)))
    assert all(decision.admitted for decision in decisions)
    ((moments,),) = await database.fetch("SELECT count(DISTINCT xmin::text) FROM gateway.ingress_client")
    assert moments <= 3


async def test_remaining_and_more_tell_the_truth(limiters: Limiters) -> None:
    (limiter,) = await limiters.start(Policy((Window(3, 60),)), 1)
    decisions: list[Decision] = [await limiter.decide("client", PREDICT) for _ in range(4)]
    assert [decision.remaining for decision in decisions] == [(2,), (1,), (0,), (0,)]
    assert [decision.admitted for decision in decisions] == [True, True, True, False]
    assert all(59 < decision.more_in_seconds[0] <= 61 for decision in decisions)


async def test_clients_with_policies_of_their_own_get_exactly_their_quotas(limiters: Limiters) -> None:
    """Whoever waits at the same moment, over three gateways: by the policy of each."""
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    default = Policy((Window(4, 60),))
    own = {f"key:{number}": Policy((Window(chance.randint(1, 20), 60), Window(30, 600))) for number in range(6)}
    clients = [*own, "192.0.2.1", "192.0.2.2"]
    gateways = [
        await limiters.stack.enter_async_context(
            PostgresLimiter(limiters.connector, default, lambda client: own.get(client, default))
        )
        for _ in range(3)
    ]
    while not all(limiter.available for limiter in gateways):
        await asyncio.sleep(0.01)
    asked = [client for client in clients for _ in range(60)]
    chance.shuffle(asked)
    decisions = await asyncio.gather(*(chance.choice(gateways).decide(client, PREDICT) for client in asked))
    for client in clients:
        of_client = [decision for name, decision in zip(asked, decisions, strict=True) if name == client]
        policy = own.get(client, default)
        assert sum(decision.admitted for decision in of_client) == policy.windows[0].quota
        assert {decision.policy for decision in of_client} == {policy}
        assert all(len(decision.remaining) == len(policy.windows) for decision in of_client)


async def test_windows_of_classes_are_exact_and_asked_in_one_round_trip(limiters: Limiters, database: Database) -> None:
    policy = Policy((Window(9, 600), Window(5, 600, PREDICT), Window(7, 600, RouteClass.READ)))
    gateways = await limiters.start(policy, 3)
    asked = [route_class for route_class in RouteClass for _ in range(60)]
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    chance.shuffle(asked)
    decisions = await asyncio.gather(*(chance.choice(gateways).decide("client", kind) for kind in asked))
    admitted = Counter(kind for kind, decision in zip(asked, decisions, strict=True) if decision.admitted)
    assert admitted[RouteClass.READ] == 7
    assert admitted.total() == 9 + 7
    assert admitted[PREDICT] <= 5
    ((rows,),) = await database.fetch("SELECT count(*) FROM gateway.ingress_client")
    assert rows == 1
    assert (await gateways[0].decide("client", None)).remaining == (0, 5 - admitted[PREDICT], 0)
    together = await asyncio.gather(*(gateways[0].decide("other", kind) for kind in RouteClass))
    assert [decision.admitted for decision in together] == [True] * 4
    ((statements,),) = await database.fetch("SELECT count(DISTINCT xmin::text) FROM gateway.ingress_client")
    assert statements == 2


async def test_random_batches_over_three_gateways_never_exceed_the_rows(limiters: Limiters) -> None:
    seed = random.randrange(10**9)
    print(f"seed {seed}")
    chance = random.Random(seed)
    policy = Policy((Window(60, 1, in_rows=True), Window(100, 3, in_rows=True), Window(25, 3)))
    gateways = await limiters.start(policy, 3)
    loop = asyncio.get_running_loop()
    admitted: list[tuple[float, float, int]] = []

    async def arrive(delay: float, rows: int) -> None:
        await asyncio.sleep(delay)
        before = loop.time()
        decision = await chance.choice(gateways).decide("client", PREDICT, rows)
        if decision.admitted:
            admitted.append((before, loop.time(), rows))

    await asyncio.gather(*(arrive(chance.uniform(0, 4) ** 2 / 4, chance.randint(1, 40)) for _ in range(300)))
    for window in policy.windows:
        for start, _, _ in admitted:
            certain = [rows for before, after, rows in admitted if start <= before and after < start + window.seconds]
            assert (sum(certain) if window.in_rows else len(certain)) <= window.quota
    assert sum(rows for _, _, rows in admitted) > 20


async def test_a_batch_that_waits_as_told_is_admitted(limiters: Limiters) -> None:
    (limiter,) = await limiters.start(Policy((Window(10, 1, in_rows=True),)), 1)
    refusals = 0
    for rows in (4, 4, 9, 2, 8, 10, 7, 7):
        decision = await limiter.decide("client", PREDICT, rows)
        if not decision.admitted:
            refusals += 1
            await asyncio.sleep(decision.retry_in_seconds)
            assert (await limiter.decide("client", PREDICT, rows)).admitted
    assert refusals >= 2


async def test_a_batch_is_refused_whole_and_costs_nothing_then(limiters: Limiters) -> None:
    (limiter,) = await limiters.start(Policy((Window(10, 600, in_rows=True),)), 1)
    decisions = [await limiter.decide("client", PREDICT, rows) for rows in (4, 4, 9, 11, 2, 1)]
    assert [decision.admitted for decision in decisions] == [True, True, False, False, True, False]
    assert [decision.remaining for decision in decisions] == [(6,), (2,), (2,), (2,), (0,), (0,)]
    assert (await limiter.decide("client", None)).remaining == (0,)


async def test_policies_do_not_mix(limiters: Limiters) -> None:
    (one,) = await limiters.start(Policy((Window(1, 60),)), 1)
    (other,) = await limiters.start(Policy((Window(1, 30),)), 1)
    assert (await one.decide("client", PREDICT)).admitted
    assert (await other.decide("client", PREDICT)).admitted
    assert not (await one.decide("client", PREDICT)).admitted


async def test_clients_that_have_been_away_are_forgotten_and_others_are_not(
    limiters: Limiters, database: Database
) -> None:
    (limiter,) = await limiters.start(Policy((Window(5, 60),)), 1)
    await limiter.decide("here", PREDICT)
    await database.fetch(OLD)
    assert await forget_old_clients(limiters.connector) == 12_000
    assert [row["client"] for row in await database.fetch("SELECT client FROM gateway.ingress_client")] == ["here"]


async def test_the_gateways_role_can_do_nothing_but_limit(database: Database) -> None:
    connection = await asyncpg.connect(for_libpq(database.url("gateway")))
    try:
        for forbidden in (
            "SELECT * FROM predictions.prediction",
            "SELECT * FROM metrics.threshold_profile",
            "CREATE TABLE public.mine ()",
            "DROP TABLE gateway.ingress_client",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(forbidden)
    finally:
        await connection.close()


AHEAD = """
UPDATE gateway.ingress_client SET
    newest = ARRAY(SELECT slot + $1::bigint * 60 / $2::bigint FROM unnest(newest) AS slot),
    oldest = ARRAY(SELECT slot + $1::bigint * 60 / $2::bigint FROM unnest(oldest) AS slot)
"""


@pytest.mark.parametrize("ahead_seconds", [2, 61, 3600, 86_400, 400_000])
async def test_a_clock_that_was_set_back_makes_nobody_wait_longer_than_the_window(
    limiters: Limiters, database: Database, ahead_seconds: int
) -> None:
    """What is stored then lies ahead of the clock. It still counts, from now on, and it comes to an end."""
    (limiter,) = await limiters.start(Policy((Window(2, 1),)), 1)
    assert [(await limiter.decide("client", PREDICT)).admitted for _ in range(2)] == [True, True]
    await database.fetch(AHEAD, ahead_seconds, 1)
    refused = [await limiter.decide("client", PREDICT) for _ in range(3)]
    assert not any(decision.admitted for decision in refused)
    assert all(decision.retry_in_seconds <= 61 / 60 for decision in refused)
    await asyncio.sleep(refused[-1].retry_in_seconds)
    assert [(await limiter.decide("client", PREDICT)).admitted for _ in range(3)] == [True, True, False]
