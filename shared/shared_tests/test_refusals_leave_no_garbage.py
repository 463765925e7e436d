"""A request that is refused is gone when it has been answered: nothing of it waits for the garbage collector."""

import gc
from collections.abc import Iterator

import pytest
from starlette.types import Message, Receive, Scope, Send

from shared.http.problems import Problem
from shared.http.request_middleware import RequestMiddleware

REQUESTS = 50


@pytest.fixture
def no_collections() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Teapot(Problem):
    status = 418
    title = "Teapot"


async def refuse(scope: Scope, receive: Receive, send: Send) -> None:
    raise Teapot("It is short and stout.")


@pytest.mark.usefixtures("no_collections")
async def test_a_refused_request_is_no_part_of_a_cycle() -> None:
    statuses: list[int] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    middleware = RequestMiddleware(refuse)
    await middleware(scope(), receive, send)  # what is made once
    gc.collect()
    for _ in range(REQUESTS):
        await middleware(scope(), receive, send)

    assert gc.collect() < REQUESTS, "not one object of each"
    assert len(statuses) == REQUESTS + 1


def scope() -> Scope:
    return {
        "type": "http",
        "method": "POST",
        "path": "/predict",
        "headers": [],
        "client": ("192.0.2.1", 1),
        "state": {},
    }
