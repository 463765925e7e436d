"""Who sends wrong tokens is slowed down, over all endpoints together; nobody else is."""

import asyncio

import httpx
import pytest
from aiohttp import web

from gateway.limit import failed_tokens
from gateway.limit.memory import MemoryLimiter
from gateway.limit.refused import Refused
from gateway.limit.window import Policy, Window
from gateway.request.client_address import Client
from gateway.request.context import CONTEXT_KEY, RequestContext
from gateway_tests.conftest import StartGateway, UpstreamServer
from shared.http.problems import QUOTA_EXCEEDED
from shared.testing.clock import ManualClock

RIGHT = "the-right-token-of-this-test"
ADMIN_REQUESTS = [
    ("PUT", "/metrics/thresholds"),
    ("DELETE", "/metrics/thresholds"),
    ("GET", "/metrics/thresholds/changes"),
    ("POST", "/analyze/performance"),
    ("GET", "/analyze/quota"),
    ("GET", "/analyze/cache"),
    ("DELETE", "/analyze/cache"),
    ("POST", "/v2/repository/models/sentiment/load"),
    ("POST", "/v2/repository/models/sentiment/unload"),
    ("GET", "/models/sentiment/rollout"),
    ("PUT", "/models/sentiment/rollout"),
    ("POST", "/models/sentiment/rollout/promote"),
    ("POST", "/models/sentiment/rollout/rollback"),
    ("GET", "/models/sentiment/rollout/history"),
]


@pytest.fixture
def guarded(upstream: UpstreamServer) -> UpstreamServer:
    """An upstream that wants the token everywhere."""

    async def answer(request: web.Request) -> web.Response:
        upstream.requests.append((request, b""))
        return web.json_response({}, status=200 if request.headers.get("Authorization") == f"Bearer {RIGHT}" else 401)

    upstream.handler = answer
    return upstream


async def ask(
    gateway: httpx.AsyncClient,
    token: str | None,
    address: str = "192.0.2.1",
    method: str = "GET",
    path: str = "/analyze/quota",
) -> httpx.Response:
    headers = {"X-Forwarded-For": address} | ({"Authorization": f"Bearer {token}"} if token else {})
    return await gateway.request(method, path, headers=headers)


async def test_wrong_tokens_are_counted_per_client_over_all_endpoints(
    start_gateway: StartGateway, guarded: UpstreamServer
) -> None:
    gateway = await start_gateway(wrong_token_limits=f"{len(ADMIN_REQUESTS)}/60s")
    for method, path in ADMIN_REQUESTS:
        assert (await ask(gateway, "wrong", method=method, path=path)).status_code == 401
    for method, path in ADMIN_REQUESTS:
        refused = await ask(gateway, RIGHT, method=method, path=path)
        assert refused.status_code == 429
        assert refused.json()["type"] == QUOTA_EXCEEDED
        assert 1 <= int(refused.headers["retry-after"]) <= 61
    assert len(guarded.requests) == len(ADMIN_REQUESTS)
    assert (await ask(gateway, RIGHT, "192.0.2.2")).status_code == 200
    assert (await ask(gateway, None)).status_code == 401


async def test_tries_at_the_same_time_are_bounded_too(start_gateway: StartGateway, guarded: UpstreamServer) -> None:
    gateway = await start_gateway(wrong_token_limits="5/60s")
    answers = await asyncio.gather(*(ask(gateway, f"guess-{number}") for number in range(60)))
    assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 55
    assert len(guarded.requests) == 5


async def test_the_right_token_never_uses_up_a_try(start_gateway: StartGateway, guarded: UpstreamServer) -> None:
    gateway = await start_gateway(wrong_token_limits="2/60s")
    for _ in range(20):
        assert (await ask(gateway, RIGHT)).status_code == 200
    assert (await ask(gateway, "wrong")).status_code == 401


async def test_many_right_tokens_at_once_are_all_right(start_gateway: StartGateway, guarded: UpstreamServer) -> None:
    gateway = await start_gateway(wrong_token_limits="3/60s")
    answers = await asyncio.gather(*(ask(gateway, RIGHT) for _ in range(80)))
    assert {answer.status_code for answer in answers} == {200}


async def test_where_no_token_is_looked_at_none_is_counted(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    gateway = await start_gateway(wrong_token_limits="1/60s")
    paths = [("POST", "/predict"), ("GET", "/models"), ("POST", "/v2/models/a/infer"), ("POST", "/metrics/aggregated")]
    for method, path in paths:
        answers = await asyncio.gather(*(ask(gateway, "any", method=method, path=path) for _ in range(15)))
        assert {answer.status_code for answer in answers} == {200}


async def test_a_try_whose_answer_nobody_waits_for_has_failed(
    start_gateway: StartGateway, guarded: UpstreamServer
) -> None:
    """Else one could guess without end: a right guess takes effect, whether anybody reads the answer or not."""
    arrived, answer = asyncio.Semaphore(0), guarded.handler

    async def slowly(request: web.Request) -> web.StreamResponse:
        guarded.requests.append((request, b""))
        arrived.release()
        await asyncio.sleep(30)
        raise AssertionError("nobody waits")

    gateway = await start_gateway(wrong_token_limits="3/60s")
    guarded.handler = slowly
    for number in range(3):
        _, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
        head = f"DELETE /analyze/cache HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {number}\r\n"
        writer.write(f"{head}X-Forwarded-For: 192.0.2.1\r\n\r\n".encode())
        await arrived.acquire()
        writer.close()
    guarded.handler = answer
    async with asyncio.timeout(10):
        while (await ask(gateway, RIGHT)).status_code != 429:
            await asyncio.sleep(0.05)
    assert (await ask(gateway, RIGHT, "192.0.2.2")).status_code == 200


async def test_an_answer_of_the_gateway_itself_is_no_failure(
    start_gateway: StartGateway, guarded: UpstreamServer
) -> None:
    gateway = await start_gateway(wrong_token_limits="2/60s", analytics_url="http://127.0.0.1:9")
    for _ in range(5):
        assert (await ask(gateway, RIGHT)).status_code == 502
    assert (await ask(gateway, RIGHT, method="PUT", path="/metrics/thresholds")).status_code == 200


async def test_tries_come_back_when_the_service_says_they_do() -> None:
    clock = ManualClock()
    tries = MemoryLimiter(Policy((Window(1, 60),)), clock)
    status = 401

    async def app(scope: dict, receive: object, send: object) -> None:
        await send({"type": "http.response.start", "status": status})

    async def ignore(message: dict) -> None: ...

    guard = failed_tokens.FailedTokens(tries, Refused()).before(app)
    context = RequestContext(Client("client", "client"), hops=None, connection=None)
    scope = {"headers": [(b"authorization", b"Bearer x")], CONTEXT_KEY: context}
    await guard(dict(scope), None, ignore)
    with pytest.raises(failed_tokens.TooManyWrongTokens) as refusal:
        await guard(dict(scope), None, ignore)
    clock.advance(int(refusal.value.headers["Retry-After"]))
    status = 200
    await guard(dict(scope), None, ignore)
