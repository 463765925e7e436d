"""What counts as one request is what h11 says, or it is refused and the connection closed: generated conversations."""

import asyncio
import base64
import json
import os
import random
from collections import Counter

import pytest

from shared.testing.http_grammar import HOST, Grammar
from shared.testing.http_reference import Conversation, Reading, Response, converse, reading_of
from shared_tests.conftest import StartEcho
from shared_tests.echo_service import EARLY

REQUESTS = int(os.environ.get("FRAMING_REQUESTS", "50000"))
AT_ONCE = 50


@pytest.fixture(scope="module")
def echo_port(start_echo: StartEcho) -> int:
    return start_echo().port


@pytest.mark.timeout(600)
async def test_generated_conversations_are_read_as_h11_reads_them_or_refused(echo_port: int) -> None:
    seed = int(os.environ.get("FRAMING_SEED") or random.SystemRandom().getrandbits(32))
    print(f"FRAMING_SEED={seed}")
    generator = random.Random(seed)
    grammar = Grammar(generator)
    outcomes: Counter[str] = Counter()

    async def play() -> None:
        while outcomes["requests"] < REQUESTS:
            data = grammar.conversation()
            segments = grammar.cuts(data)
            expected = reading_of(data)
            outcomes["requests"] += len(expected.requests) + 1
            fault = disagreement(expected, await converse(echo_port, segments, expected), outcomes)
            assert fault is None, f"FRAMING_SEED={seed}: {fault}\n{data!r}"

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(play())
    print(dict(outcomes))
    assert outcomes["answered"] > REQUESTS / 2, "most requests are honest"
    assert outcomes["refused"] > REQUESTS / 100, "some are not"


def disagreement(expected: Conversation, responses: list[Response], outcomes: Counter[str]) -> str | None:
    """What the server did that h11 would not, but for refusing and closing; None when there is no such thing."""
    answers = [response for response in responses if "x-reading" in response.headers]
    outcomes["answered"] += len(answers)
    requests = [*expected.requests, *([expected.begun] if expected.begun and is_early(expected.begun) else [])]
    for number, (answer, request) in enumerate(zip(answers, requests, strict=False)):
        if not same(json.loads(base64.b64decode(answer.headers["x-reading"])), request):
            return f"request {number} was read as another: {answer} for {request}"
    if len(answers) > len(requests):
        return f"a request that is none was answered: {answers[-1]}"
    refusals = responses[len(answers) :]
    if refusals:
        outcomes["refused"] += 1
        return None if len(refusals) == 1 and is_refusal(refusals[0]) else f"no proper refusal: {refusals}"
    missing = len(expected.requests) - len(answers)
    if missing <= 0 or (answers and is_early(requests[len(answers) - 1])):
        return None
    return f"{missing} requests were not answered"


def is_early(request: Reading) -> bool:
    """Whether it is answered before its body is read; then the server may close, or cut a body that is none."""
    return target_path(request.target)[0].startswith(EARLY)


def is_refusal(response: Response) -> bool:
    """A problem, after which the connection is closed, with an id."""
    if response.status not in (400, 431, 501) or not response.closes or "x-request-id" not in response.headers:
        return False
    return not response.body or json.loads(response.body)["request_id"] == response.headers["x-request-id"]


def same(read: dict[str, object], request: Reading) -> bool:
    """Whether both have read the same request. An early answer knows no body."""
    path, query = target_path(request.target)
    headers = [[name, value.lower() if name == "transfer-encoding" else value] for name, value in request.headers]
    ours = [[name, value.lower() if name == "transfer-encoding" else value] for name, value in read["headers"]]  # type: ignore[attr-defined]
    parts = (read["method"], read["path"], read["query"], read["version"], ours)
    return parts == (request.method, path, query, request.version, headers) and read["body"] in (None, request.body)


def target_path(target: str) -> tuple[str, str]:
    """Path and query of a target in any form."""
    for scheme in ("http://", "https://"):
        if target.lower().startswith(scheme + HOST):
            target = target[len(scheme + HOST) :]
            target = target if target.startswith("/") else "/" + target
    path, _, query = target.partition("?")
    return path, query
