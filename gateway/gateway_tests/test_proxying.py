"""What goes through, what is changed on the way, and what happens when the other side fails."""

import asyncio
import gzip

import httpx
import pytest
from aiohttp import web

from gateway_tests.conftest import StartGateway, UpstreamServer

BODY = {"text": "A fine day."}


def assert_problem(answer: httpx.Response, status: int) -> None:
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["instance"] == answer.request.url.path


async def test_a_request_arrives_as_it_was_sent(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    content = gzip.compress(b"payload")  # the upstream unpacks it: it arrived packed, with its header
    answer = await gateway.post(
        "/predict?a=1&b=%2F%20x&a=2",
        content=content,
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json", "X-Custom": "kept", "Cookie": "a=b"},
    )
    assert answer.json() == {"path": "/predict?a=1&b=%2F%20x&a=2", "length": len(b"payload")}
    ((request, body),) = upstream.requests
    assert body == b"payload"
    assert request.raw_path == "/predict?a=1&b=%2F%20x&a=2"
    assert request.headers["X-Custom"] == "kept"
    assert request.headers["Cookie"] == "a=b"
    assert request.headers["Content-Encoding"] == "gzip"


async def test_forwarding_headers_are_ours_and_hop_by_hop_headers_stay_here(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    gateway = await start_gateway(trusted_proxies="")
    await gateway.get(
        "/models",
        headers={
            "X-Forwarded-For": "6.6.6.6",
            "X-Forwarded-Proto": "https",
            "X-Real-IP": "6.6.6.6",
            "Forwarded": "for=6.6.6.6",
            "X-Request-ID": "request-4711",
            "Connection": "close, X-Secret",
            "X-Secret": "for one hop",
            "TE": "trailers",
            "Proxy-Authorization": "Basic abc",
        },
    )
    ((request, _),) = upstream.requests
    assert request.headers["X-Forwarded-For"] == "127.0.0.1"
    assert request.headers["X-Forwarded-Proto"] == "http"
    assert request.headers["X-Forwarded-Host"] == f"127.0.0.1:{gateway.base_url.port}"
    assert request.headers["X-Request-ID"] == "request-4711"
    for name in ("X-Real-IP", "Forwarded", "X-Secret", "TE", "Proxy-Authorization"):
        assert name not in request.headers


async def test_a_trusted_proxy_is_believed(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    await gateway.get("/models", headers={"X-Forwarded-For": "192.0.2.1", "X-Forwarded-Proto": "https"})
    ((request, _),) = upstream.requests
    assert request.headers["X-Forwarded-For"] == "192.0.2.1, 127.0.0.1"
    assert request.headers["X-Forwarded-Proto"] == "https"


async def test_the_upstreams_answer_comes_back_unchanged(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    async def teapot(request: web.Request) -> web.Response:
        headers = {"Content-Type": "application/problem+json", "X-Cache": "HIT", "Set-Cookie": "x=y"}
        return web.Response(status=418, body=b'{"title": "teapot"}', headers=headers)

    upstream.handler = teapot
    answer = await gateway.get("/metrics/count")
    assert answer.status_code == 418
    assert answer.content == b'{"title": "teapot"}'
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-cache"] == "HIT"
    assert len(answer.headers.get_list("date")) == 1


async def test_large_bodies_stream_in_both_directions(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    arrived = asyncio.Event()

    async def echo(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        async for chunk in request.content.iter_any():
            await response.write(chunk)
            arrived.set()
        await response.write_eof()
        return response

    async def slowly():
        yield b"first" * 20_000
        await arrived.wait()  # the upstream has the first piece before we send the second
        yield b"second"

    upstream.handler = echo
    async with gateway.stream("POST", "/predict", content=slowly()) as answer:
        assert b"".join([chunk async for chunk in answer.aiter_bytes()]) == b"first" * 20_000 + b"second"


async def test_a_large_answer_comes_whole(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    async def large(request: web.Request) -> web.Response:
        return web.Response(body=b"x" * 5_000_000)

    upstream.handler = large
    assert len((await gateway.get("/models")).content) == 5_000_000


async def test_a_body_that_is_declared_too_large_is_refused_before_it_is_read(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 1073741824\r\nExpect: 100-continue\r\n\r\n")
    head = await reader.readuntil(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in head.lower()
    writer.close()
    assert upstream.requests == []


async def test_a_body_that_turns_out_too_large_is_refused(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    async def endless():
        while True:
            yield b"x" * 65_536

    try:
        answer = await gateway.post("/predict", content=endless())
    except (httpx.WriteError, httpx.ReadError):
        pass  # cut while we were still sending: as good a refusal
    else:
        assert_problem(answer, 413)
    assert upstream.requests == []


async def test_expect_100_continue_is_answered(gateway: httpx.AsyncClient) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100")
    writer.write(b"body")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
    writer.close()


async def test_a_body_that_comes_too_slowly_is_a_408(start_gateway: StartGateway, upstream: UpstreamServer) -> None:
    gateway = await start_gateway(body_timeout_seconds=0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.base_url.port)
    writer.write(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nonly this")
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 408")
    assert await reader.read() != b""
    writer.close()


async def test_a_service_that_is_down_is_a_502_and_comes_back_by_itself(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    from shared.embedded.ports import free_ports

    late = UpstreamServer(next(free_ports()))
    gateway = await start_gateway(prediction_url=late.url)
    answer = await gateway.post("/predict", json=BODY)
    assert_problem(answer, 502)
    assert answer.headers["retry-after"] == "1"
    assert (await gateway.get("/metrics/count")).status_code == 200
    async with late.running():
        while (await gateway.post("/predict", json=BODY, headers={"X-Forwarded-For": "192.0.2.9"})).status_code == 502:
            await asyncio.sleep(0.05)
    assert len(late.requests) == 1


async def test_a_service_that_does_not_answer_in_time_is_a_504(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    async def hang(request: web.Request) -> web.Response:
        await asyncio.Event().wait()
        raise AssertionError

    upstream.handler = hang
    gateway = await start_gateway(upstream_timeout_seconds=0.2)
    assert_problem(await gateway.get("/models"), 504)


async def test_a_service_that_hangs_up_is_a_502(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    async def hang_up(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    upstream.handler = hang_up
    assert_problem(await gateway.post("/predict", json=BODY), 502)


async def test_an_answer_that_breaks_off_is_cut_not_completed(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    async def half(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"half")
        assert request.transport is not None
        request.transport.abort()
        return response

    upstream.handler = half
    with pytest.raises(httpx.RemoteProtocolError):
        await gateway.get("/models")


async def test_beyond_the_bound_in_flight_the_answer_is_an_immediate_503(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    release = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        await release.wait()
        return web.Response()

    upstream.handler = wait
    gateway = await start_gateway(upstream_max_in_flight=2)
    waiting = [asyncio.create_task(gateway.get("/models")) for _ in range(3)]
    done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    (overloaded,) = done
    assert_problem(overloaded.result(), 503)
    assert overloaded.result().json()["type"].endswith("#temporary-reduced-capacity")
    assert overloaded.result().headers["retry-after"] == "1"
    release.set()
    assert sorted(answer.status_code for answer in await asyncio.gather(*waiting)) == [200, 200, 503]


async def test_a_client_that_leaves_ends_the_upstreams_work(
    gateway: httpx.AsyncClient, upstream: UpstreamServer
) -> None:
    started, ended = asyncio.Event(), asyncio.Event()

    async def work(request: web.Request) -> web.Response:
        await request.read()
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        raise AssertionError

    upstream.handler = work
    call = asyncio.create_task(gateway.post("/predict", json=BODY))
    await started.wait()
    call.cancel()
    await asyncio.wait_for(ended.wait(), 10)


async def test_connections_are_used_again(gateway: httpx.AsyncClient, upstream: UpstreamServer) -> None:
    for _ in range(30):
        await gateway.get("/models")
    peers = {
        request.transport.get_extra_info("peername") if request.transport else None for request, _ in upstream.requests
    }
    assert len(peers) <= 3  # the health check before the test has asked all three services at once


async def test_websockets_are_not_offered(gateway: httpx.AsyncClient) -> None:
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "x"}
    assert_problem(await gateway.get("/predict", headers=headers), 501)


async def test_unknown_paths_and_wrong_methods_of_the_gateway_are_problems(gateway: httpx.AsyncClient) -> None:
    assert_problem(await gateway.get("/nowhere"), 404)
    assert_problem(await gateway.post("/"), 405)
    assert_problem(await gateway.get("/predict/batch/more"), 404)
    assert_problem(await gateway.get("/models/"), 404)


@pytest.mark.parametrize("name", ["X-Caller", "x-caller", "X-CALLER"])
async def test_services_learn_the_caller_from_the_gateway_and_from_nobody_else(
    gateway: httpx.AsyncClient, upstream: UpstreamServer, name: str
) -> None:
    for given in ({}, {name: "somebody-else"}):
        headers = {"X-Forwarded-For": "2001:db8::7"} | given
        await gateway.post("/analyze/performance", json={}, headers=headers)
    callers = [request.headers.getall("X-Caller") for request, _ in upstream.requests]
    assert callers == [["2001:db8::/64"]] * 2
