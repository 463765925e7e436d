"""All four services count requests as h11 does, or refuse and close: one answer for each, none for what is none.

What they answer is their business; that each reads a request as h11 reads it is tested with the server they share.
"""

import os
import random
from collections import Counter

import pytest
from stack import LocalStack

from shared.testing.http_grammar import Grammar
from shared.testing.http_reference import Conversation, Response, converse, reading_of

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
