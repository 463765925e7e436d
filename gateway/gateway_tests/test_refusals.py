"""How many requests are refused: all gateways together, by reason, without a word about whom."""

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from aiohttp import web

from gateway.limit import refusal_history
from gateway.limit.refusal_history import RefusalHistory, RefusalsUnknown
from gateway.limit.refused import Reason, Refused
from gateway_tests.conftest import StartGateway, UpstreamServer
from shared.database.connection import Connector
from shared.testing.postgres import Database

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


async def refused(gateway: httpx.AsyncClient, **query: int) -> dict:
    answer = await gateway.get("/limits/refusals", params=query)
    assert answer.status_code == 200, answer.text
    found: dict = answer.json()
    assert found["total"] == sum(bucket["refused"] for bucket in found["buckets"])
    return found


async def until(gateway: httpx.AsyncClient, holds: Callable[[dict], bool]) -> dict:
    async with asyncio.timeout(30):
        while not holds(found := await refused(gateway)):
            await asyncio.sleep(0.05)
    return found


def reasons(found: dict) -> dict[str, int]:
    return {str(reason): sum(bucket[reason] for bucket in found["buckets"]) for reason in Reason}


async def test_all_gateways_tell_what_all_have_refused(start_gateway: StartGateway) -> None:
    gateways = [await start_gateway(ingress_limits="3/60s") for _ in range(2)]
    answers = [
        (await gateway.post("/predict", json={"text": "Hello."})).status_code for _ in range(5) for gateway in gateways
    ]
    assert Counter(answers) == {200: 3, 429: 7}
    for gateway in gateways:
        found = await until(gateway, lambda found: found["total"] == 7)
        assert reasons(found) == {"ingress": 7, "in_flight": 0, "wrong_tokens": 0}


async def test_each_reason_is_counted_by_itself(start_gateway: StartGateway, upstream: UpstreamServer) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.Response:
        if request.path == "/models":
            arrived.set()
            await release.wait()
        return web.Response(status=401 if "Authorization" in request.headers else 200)

    upstream.handler = answer
    gateway = await start_gateway(max_requests_per_client=1, wrong_token_limits="1/60s")
    waiting = asyncio.create_task(gateway.get("/models", headers={"X-Forwarded-For": "192.0.2.1"}))
    await arrived.wait()
    for _ in range(2):
        assert (await gateway.get("/models", headers={"X-Forwarded-For": "192.0.2.1"})).status_code == 429
    release.set()
    await waiting
    wrong = {"X-Forwarded-For": "192.0.2.2", "Authorization": "Bearer wrong"}
    statuses = [(await gateway.get("/analyze/quota", headers=wrong)).status_code for _ in range(4)]
    assert statuses == [401, 429, 429, 429]
    found = await until(gateway, lambda found: found["total"] == 5)
    assert reasons(found) == {"ingress": 0, "in_flight": 2, "wrong_tokens": 3}
    assert "192.0.2" not in str(found)


@pytest.mark.parametrize(("window", "width"), [(15, 1), (60, 7), (43_200, 360)])
async def test_buckets_follow_each_other_up_to_now(gateway: httpx.AsyncClient, window: int, width: int) -> None:
    found = await refused(gateway, time_window_minutes=window, bucket_minutes=width)
    starts = [datetime.fromisoformat(bucket["start"]) for bucket in found["buckets"]]
    end = datetime.fromisoformat(found["time_window_end"])
    assert all(later - earlier == width * MINUTE for earlier, later in itertools.pairwise(starts))
    assert all(start.timestamp() % (width * 60) == 0 for start in starts)
    assert starts[0] <= end - window * MINUTE < starts[0] + width * MINUTE
    assert starts[-1] < end <= starts[-1] + width * MINUTE


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ({"time_window_minutes": 0}, "query.time_window_minutes"),
        ({"time_window_minutes": 43_201}, "query.time_window_minutes"),
        ({"bucket_minutes": 0}, "query.bucket_minutes"),
        ({"bucket_minutes": 1441}, "query.bucket_minutes"),
        ({"time_window_minutes": 1501}, "query.bucket_minutes"),
        ({"time_window_minutes": "much"}, "query.time_window_minutes"),
        ({"client": "192.0.2.1"}, "query.client"),
    ],
)
async def test_a_question_that_makes_no_sense_is_a_422(
    gateway: httpx.AsyncClient, query: dict[str, str], where: str
) -> None:
    answer = await gateway.get("/limits/refusals", params=query)
    assert answer.status_code == 422
    assert [error["location"] for error in answer.json()["errors"]] == [where]


async def test_without_postgres_nobody_knows_and_requests_are_refused_all_the_same(start_gateway: StartGateway) -> None:
    nobody = "postgresql://gateway:x@127.0.0.1:1/nowhere"
    gateway = await start_gateway(wait_for_postgres=False, database_url=nobody, ingress_limits="1/60s")
    statuses = [(await gateway.post("/predict", json={"text": "Hello."})).status_code for _ in range(2)]
    assert statuses == [200, 429]
    answer = await gateway.get("/limits/refusals")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["type"] == "urn:problem-type:refusals-unknown"


class Gateway:
    """What one gateway has refused, with a clock of its own."""

    def __init__(self, database: Database) -> None:
        self.connector, self.refused, self.now = Connector(database.url("gateway"), "test"), Refused(), NOON
        self.history = self.started()

    def started(self) -> RefusalHistory:
        return RefusalHistory(self.connector, self.refused, lambda: self.now)

    async def write(self) -> None:
        async with self.history:  # leaving, it writes what it has
            pass

    async def total(self) -> int:
        rows = await self.history.between(NOON - 60 * MINUTE, NOON + 60 * MINUTE, MINUTE)
        return sum(row.requests for row in rows)


@pytest.fixture
def one(database: Database) -> Gateway:
    return Gateway(database)


async def test_minutes_are_told_apart_and_writing_again_counts_nothing_twice(one: Gateway) -> None:
    for n in (2, 3):
        one.refused[Reason.INGRESS] += n
        await one.write()
        await one.write()
    one.now += MINUTE
    one.refused[Reason.IN_FLIGHT] += 4
    await one.write()
    rows = await one.history.between(NOON - MINUTE, NOON + 2 * MINUTE, MINUTE)
    first = NOON.replace(second=0)
    assert sorted(rows) == [(first, "ingress", 5), (first + MINUTE, "in_flight", 4)]


async def test_what_a_gateway_refused_before_it_was_started_anew_stays(one: Gateway) -> None:
    one.refused[Reason.INGRESS] += 2
    await one.write()
    one.history = one.started()
    one.refused[Reason.INGRESS] += 3
    await one.write()
    assert await one.total() == 5


async def test_minutes_wait_while_postgres_is_away_up_to_a_bound(
    one: Gateway, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusal_history, "MOST_WAITING", 3)
    there: Callable[..., Awaitable[object]] = one.connector.connect

    async def away(**_: object) -> None:
        raise OSError("away")

    monkeypatch.setattr(one.connector, "connect", away)
    for number in range(5):
        one.refused[Reason.INGRESS] += 10**number
        await one.write()
        with pytest.raises(RefusalsUnknown):
            await one.total()
        one.now += MINUTE
    monkeypatch.setattr(one.connector, "connect", there)
    await one.write()
    assert await one.total() == 11_100, "the newest three minutes"


async def test_they_are_kept_for_a_month(one: Gateway, database: Database) -> None:
    one.refused[Reason.INGRESS] += 1
    await one.write()
    one.now += timedelta(days=32)
    one.refused[Reason.INGRESS] += 1
    await one.write()
    assert len(await database.fetch("SELECT * FROM gateway.refusal")) == 1
