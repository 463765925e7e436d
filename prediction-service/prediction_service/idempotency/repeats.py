"""The one response of all requests with the same key.

Two replicas that are asked at the same time both compute; the one that commits first has given the response of both.
Only what was recorded has a response that is kept: after an error the next request is a first one.
"""

from collections.abc import Awaitable, Callable
from typing import NamedTuple

from prometheus_client import Counter

from prediction_service.idempotency.key import Question, bad_key
from prediction_service.idempotency.one_at_a_time import OneAtATime
from prediction_service.records.addition import KeptResponse
from shared.http.problems import Problem

MAX_RESPONSE_BYTES = 8 * 1024 * 1024
"""What is kept must pass through one statement, or one line of the journal, in time. 256 vectors of 768 numbers have a
quarter of this."""

REPEATS = Counter("prediction_repeated_requests", "Requests that got the response of an earlier one, by their key")


class KeyReused(Problem):
    """Something else was asked under this key."""

    status = 422
    type = "urn:problem-type:idempotency-key-reused"
    title = "Idempotency-Key Reused"

    def __init__(self) -> None:
        super().__init__("This Idempotency-Key came with another request within the last day; use a new one.")


class Response(NamedTuple):
    """What a request is answered, and whether an earlier one was answered the same."""

    body: bytes
    is_repeat: bool


class Repeats:
    """`find` looks up what is kept under a key."""

    def __init__(self, find: Callable[[bytes], Awaitable[KeptResponse | None]]) -> None:
        self._find, self._turns = find, OneAtATime()

    async def respond(
        self, question: Question, seconds: float | None, compute: Callable[[], Awaitable[tuple[KeptResponse, bool]]]
    ) -> Response:
        """The response that is kept, or else the one that `compute` gives, and whether that was kept before.

        Raises KeyInUse, KeyReused, and what `compute` raises.
        """
        async with self._turns.turn(question.key, seconds):
            kept, is_repeat = await self._find(question.key), True
            if kept is None:
                kept, is_repeat = await compute()
        if kept.fingerprint != question.fingerprint:
            raise KeyReused
        REPEATS.inc(is_repeat)
        return Response(kept.body, is_repeat)


def kept_response(question: Question, body: bytes) -> KeptResponse:
    """What is kept of a response. Raises InvalidRequest for one that is too large."""
    if len(body) > MAX_RESPONSE_BYTES:
        raise bad_key(
            f"goes with responses of at most {MAX_RESPONSE_BYTES} bytes, and this one has {len(body)}; send fewer rows "
            "at once, or no key"
        )
    return KeptResponse(question.key, question.fingerprint, body)
