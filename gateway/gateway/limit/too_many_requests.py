"""The 429 of a client that has used up its quota."""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from typing import NamedTuple

from starlette.types import Scope, Send

from gateway.limit.window import Decision
from shared.http.problems import MEDIA_TYPE, QUOTA_EXCEEDED, problem_body
from shared.http.request_id import current_request_id

Headers = tuple[tuple[bytes, bytes], ...]

CONTENT_TYPE = (b"content-type", MEDIA_TYPE.encode())

KEPT_REFUSALS = 512
"""Different refusals whose bodies are kept."""


class RefusalBody(NamedTuple):
    """The JSON around the request id, which alone differs from one refusal to the next."""

    before: bytes
    after: bytes


class TooManyRequests:
    """Refuses, with a time after which a retry is admitted. `names` are those of windows, by their places."""

    def __init__(self, names: Mapping[int, str]) -> None:
        self._names = names
        self._body = lru_cache(KEPT_REFUSALS)(self._make_body)

    async def respond(self, scope: Scope, send: Send, decision: Decision, headers: Headers) -> None:
        """Sends the refusal of one request; `headers` say what is left in which window."""
        retry_after = max(ceil(decision.retry_in_seconds), 1)
        before, after = self._body(scope["path"], decision.remaining, retry_after)
        body = before + current_request_id.get().encode() + after
        response_headers = [
            CONTENT_TYPE,
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", b"%d" % retry_after),
            *headers,
        ]
        await send({"type": "http.response.start", "status": 429, "headers": response_headers})
        await send({"type": "http.response.body", "body": body})

    def _make_body(self, path: str, remaining: tuple[int, ...], retry_after: int) -> RefusalBody:
        full = [name for place, name in self._names.items() if remaining[place] <= 0]
        body = problem_body(
            429,
            type=QUOTA_EXCEEDED,
            title="Too Many Requests",
            detail=f"This client has used up its quota; the next request is admitted in {retry_after} s.",
            instance=path,
            **{"violated-policies": full},
        )
        name = b'"request_id":"'  # within a JSON string the quotes would be escaped
        before, _, rest = body.partition(name + current_request_id.get().encode())
        return RefusalBody(before + name, rest)
