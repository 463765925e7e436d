"""A service that does not tell its document: it is said that it is missing, and what it told last goes on."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web

from gateway.docs import openapi
from gateway.docs.openapi import FRESH_SECONDS, SILENT_SECONDS, Document, ServiceDocuments
from gateway.proxy.address import Address
from gateway.proxy.connections import UpstreamSession
from gateway.request.routing import UpstreamName
from gateway_tests.conftest import StartGateway, UpstreamServer
from shared.asyncio.background import end
from shared.embedded.ports import free_ports
from shared.testing.clock import ManualClock

PATHS = {"/predict": {"post": {}}, "/metrics/count": {"get": {}}, "/analyze/quota": {"get": {}}}


async def tell(request: web.Request) -> web.Response:
    """What all three services serve: the gateway takes of each its own."""
    return web.json_response({"paths": PATHS})


async def never(request: web.Request) -> web.Response:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


def documents_of(
    server: UpstreamServer, session: UpstreamSession, clock: ManualClock | None = None
) -> ServiceDocuments:
    """Those of one service alone."""
    return ServiceDocuments(session, {UpstreamName.METRICS: Address.of(server.url)}, clock or ManualClock())


async def test_a_document_without_a_services_paths_says_so_and_is_not_kept(
    start_gateway: StartGateway, upstream: UpstreamServer
) -> None:
    upstream.handler = tell
    late = UpstreamServer(next(free_ports()), handler=tell)
    gateway = await start_gateway(analytics_url=late.url)
    response = await gateway.get("/openapi.json")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-store"
    document = response.json()
    assert document["info"]["x-missing-services"] == ["analytics-service"]
    assert document["info"]["description"].startswith("**This document is incomplete**: analytics-service ")
    assert {"/predict", "/metrics/count"} <= set(document["paths"])
    assert "/analyze/quota" not in document["paths"]
    assert (await gateway.get("/openapi/prediction-service.json")).status_code == 200
    assert (await gateway.get("/openapi/analytics-service.json")).status_code == 503

    async with late.running():
        response = await gateway.get("/openapi.json")
    assert "cache-control" not in response.headers
    assert "x-missing-services" not in response.json()["info"]
    assert "incomplete" not in response.json()["info"]["description"]
    assert set(PATHS) <= set(response.json()["paths"])


async def test_one_services_document_waits_for_no_other(start_gateway: StartGateway, upstream: UpstreamServer) -> None:
    upstream.handler = tell
    silent = UpstreamServer(next(free_ports()), handler=never)
    gateway = await start_gateway(analytics_url=silent.url)
    async with silent.running(), asyncio.timeout(openapi.FIRST_FETCH_TIMEOUT_SECONDS / 2):
        assert (await gateway.get("/openapi/metrics-service.json")).status_code == 200


@pytest.fixture
async def session() -> AsyncIterator[UpstreamSession]:
    async with UpstreamSession() as session:
        yield session


async def told(documents: ServiceDocuments) -> Document | None:
    return (await documents.all()).get(UpstreamName.METRICS)


async def test_what_a_service_told_last_is_used_while_it_is_slow_or_away(
    session: UpstreamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, server = ManualClock(), UpstreamServer(next(free_ports()), handler=tell)
    documents = documents_of(server, session, clock)
    async with server.running():
        first = await told(documents)
        assert first is not None
        server.handler = never
        clock.advance(FRESH_SECONDS)
        monkeypatch.setattr(openapi, "FETCH_TIMEOUT_SECONDS", 0.05)
        assert await told(documents) == first
    assert await told(documents) == first


async def test_a_service_that_has_never_told_its_document_is_given_more_time(
    session: UpstreamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = UpstreamServer(next(free_ports()), handler=tell)
    documents = documents_of(server, session)
    monkeypatch.setattr(openapi, "FETCH_TIMEOUT_SECONDS", 0.0)
    async with server.running():
        assert await told(documents) is not None


async def test_a_service_that_is_silent_beyond_that_is_left_out(
    session: UpstreamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = UpstreamServer(next(free_ports()), handler=never)
    documents = documents_of(server, session)
    monkeypatch.setattr(openapi, "FIRST_FETCH_TIMEOUT_SECONDS", 0.05)
    async with server.running():
        assert await documents.all() == {}


async def test_a_service_that_was_silent_for_that_long_is_not_given_it_again_at_once(
    session: UpstreamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, server = ManualClock(), UpstreamServer(next(free_ports()), handler=never)
    documents = documents_of(server, session, clock)
    monkeypatch.setattr(openapi, "FETCH_TIMEOUT_SECONDS", 0.0)
    monkeypatch.setattr(openapi, "FIRST_FETCH_TIMEOUT_SECONDS", 0.05)
    async with server.running():
        assert await told(documents) is None
        monkeypatch.setattr(openapi, "FIRST_FETCH_TIMEOUT_SECONDS", 60.0)
        server.handler = tell
        clock.advance(SILENT_SECONDS - 1)
        assert await told(documents) is None
        clock.advance(1)
        assert await told(documents) is not None


async def test_a_service_that_refused_at_first_is_given_that_time_as_soon_as_it_listens(
    session: UpstreamSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = UpstreamServer(next(free_ports()), handler=tell)
    documents = documents_of(server, session)
    assert await told(documents) is None
    monkeypatch.setattr(openapi, "FETCH_TIMEOUT_SECONDS", 0.0)
    async with server.running():
        assert await told(documents) is not None


async def test_all_who_want_a_document_at_once_wait_for_one_request_whoever_leaves(session: UpstreamSession) -> None:
    asked, go_on = asyncio.Queue[None](), asyncio.Event()

    async def tell_later(request: web.Request) -> web.Response:
        asked.put_nowait(None)
        await go_on.wait()
        return await tell(request)

    server = UpstreamServer(next(free_ports()), handler=tell_later)
    documents = documents_of(server, session)
    async with server.running(), documents:
        waiting = [asyncio.create_task(told(documents)) for _ in range(5)]
        await asked.get()
        await end(waiting.pop(0))
        go_on.set()
        assert None not in await asyncio.gather(*waiting)
    assert asked.empty()


async def test_what_is_being_fetched_ends_with_the_gateway(session: UpstreamSession) -> None:
    left = asyncio.Event()

    async def tell_nobody(request: web.Request) -> web.Response:
        asked.set()
        try:
            return await never(request)
        finally:
            left.set()

    asked, server = asyncio.Event(), UpstreamServer(next(free_ports()), handler=tell_nobody)
    documents = documents_of(server, session)
    async with server.running():
        async with documents:
            waiting = asyncio.create_task(told(documents))
            await asked.wait()
            await end(waiting)
            assert not left.is_set()
        async with asyncio.timeout(openapi.FIRST_FETCH_TIMEOUT_SECONDS / 2):
            await left.wait()
