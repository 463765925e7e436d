"""All four services count requests as h11 does, or refuse and close: one answer for each, none for what is none.

What they answer is their business; that each reads a request as h11 reads it is tested with the server they share.
"""

import asyncio
import os
import random
from collections import Counter

import pytest

from shared.testing.http_grammar import Grammar
from shared.testing.http_reference import Conversation, Response, converse, reading_of
from tests.stack import LocalStack

REQUESTS = 1000
MODULES = ["gateway", "prediction_service", "metrics_service", "analytics_service"]


@pytest.mark.parametrize("module", MODULES)
async def test_generated_conversations_get_as_many_answers_as_h11_sees_requests(stack: LocalStack, module: str) -> None:
    port = int(stack.process_of(module).environ()["PORT"])
    seed = int(os.environ.get("FRAMING_SEED") or random.SystemRandom().getrandbits(32))
    print(f"FRAMING_SEED={seed}")
    grammar = Grammar(random.Random(seed))
    outcomes: Counter[str] = Counter()
    while outcomes["requests"] < REQUESTS:
        data = grammar.conversation()
        expected = reading_of(data)
        outcomes["requests"] += len(expected.requests) + 1
        responses = await converse(port, grammar.cuts(data), expected)
        fault = disagreement(expected, responses)
        outcomes["responses"] += len(responses)
        assert fault is None, f"FRAMING_SEED={seed}: {fault}\n{data!r}"
    assert outcomes["responses"] > REQUESTS / 3
    assert all(line.find("Traceback") < 0 for line in stack.output), "a stranger causes no traceback"


def disagreement(expected: Conversation, responses: list[Response]) -> str | None:
    """Too many answers, or too few without a word about closing; None when there is no such thing."""
    requests = [*expected.requests, *([expected.begun] if expected.begun else [])]
    if len(responses) > len(requests) and not (len(responses) == len(requests) + 1 and responses[-1].closes):
        return f"{len(responses)} answers to {len(requests)} requests"
    if any(response.status >= 500 and response.status not in (501, 503) for response in responses):
        return f"a stranger causes an error: {responses}"
    if len(responses) < len(expected.requests) and not (responses and responses[-1].closes):
        return f"{len(responses)} answers to {len(requests)} requests, and the connection was not to be closed"
    return None


LARGE = b"Content-Length: 500000\r\n\r\n" + b"x" * 200_000
PATHS = ["/predict", "/predict", "/metrics/aggregated", "/analyze/performance"]


@pytest.mark.parametrize(("module", "path"), [*zip(MODULES, PATHS, strict=True)])
@pytest.mark.parametrize("body", [b"Content-Length: 50\r\n\r\n{", b"Transfer-Encoding: chunked\r\n\r\nff\r\n{", LARGE])
async def test_who_hangs_up_in_a_body_is_one_line_with_499(
    stack: LocalStack, module: str, path: str, body: bytes
) -> None:
    port = int(stack.process_of(module).environ()["PORT"])
    request_id = f"hang-up-{random.SystemRandom().getrandbits(64):x}"
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(
        b"POST %b HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Request-ID: %b\r\nContent-Type: application/json\r\n%b"
        % (path.encode(), request_id.encode(), body)
    )
    await asyncio.sleep(0.2)  # in most runs the application has begun
    writer.transport.abort()
    async with asyncio.timeout(20):
        while not (lines := [line for line in stack.output if request_id in line]):
            await asyncio.sleep(0.05)
    # the gateway passes on what is large: then the service behind it has its own line
    assert len(lines) <= (2 if module == "gateway" and body == LARGE else 1), lines
    assert all(" 499" in line or "=499" in line or ":499" in line for line in lines), lines
    assert not any("Traceback" in line for line in stack.output)
