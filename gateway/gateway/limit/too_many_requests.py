"""The 429 of a client that has used up its quota."""

from collections.abc import Mapping
from functools import lru_cache
from math import ceil
from typing import Any, NamedTuple

from starlette.types import Scope, Send

from gateway.limit.window import Decision, Window
from shared.http.problems import MEDIA_TYPE, QUOTA_EXCEEDED, Problem, problem_body
from shared.http.request_id import current_request_id

Headers = tuple[tuple[bytes, bytes], ...]

CONTENT_TYPE = (b"content-type", MEDIA_TYPE.encode())

KEPT_REFUSALS = 512
"""Different refusals whose bodies are kept."""


class BatchBeyondLimit(Problem):
    """It has more rows than its client may have in a whole window: to wait is of no use."""

    status = 413
    type = "urn:problem-type:batch-beyond-limit"
    title = "Content Too Large"

    def __init__(self, name: str, window: Window, rows: int) -> None:
        more: dict[str, Any] = {"rows": rows, "violated-policies": [name]}
        super().__init__(
            f"This has {rows} rows, and the limit is {window.quota} rows in {window.seconds} s: send fewer at once.",
            **more,
        )


class RowsUnknown(Problem):
    """A stream has as many rows as come: nobody can say how many before it is admitted."""

    status = 415
    type = "urn:problem-type:rows-unknown"
    title = "Unsupported Media Type"

    def __init__(self) -> None:
        super().__init__(
            "The rows of a stream cannot be counted before they come, and your limits count rows: send them as JSON, "
            "up to 256 at once, or with a key whose limits count requests alone.",
            headers={"Accept": "application/json"},
        )


class RefusalBody(NamedTuple):
    """The JSON around the request id, which alone differs from one refusal to the next."""

    before: bytes
    after: bytes


class TooManyRequests:
    """Refuses, with a time after which a retry is admitted. `windows`, with their names, by their places."""

    def __init__(self, windows: Mapping[int, tuple[str, Window]]) -> None:
        self._windows = windows
        self._body = lru_cache(KEPT_REFUSALS)(self._make_body)

    async def respond(self, scope: Scope, send: Send, decision: Decision, headers: Headers, rows: int) -> None:
        """Sends the refusal of one request; `headers` say what is left in which window."""
        retry_after = max(ceil(decision.retry_in_seconds), 1)
        before, after = self._body(scope["path"], decision.remaining, retry_after, rows)
        body = before + current_request_id.get().encode() + after
        response_headers = [
            CONTENT_TYPE,
            (b"content-length", b"%d" % len(body)),
            (b"retry-after", b"%d" % retry_after),
            *headers,
        ]
        await send({"type": "http.response.start", "status": 429, "headers": response_headers})
        await send({"type": "http.response.body", "body": body})

    def require_possible(self, rows: int) -> None:
        """Raises BatchBeyondLimit for what a window will never have room for."""
        for name, window in self._windows.values():
            if window.in_rows and rows > window.quota:
                raise BatchBeyondLimit(name, window, rows)

    def _make_body(self, path: str, remaining: tuple[int, ...], retry_after: int, rows: int) -> RefusalBody:
        left = {name: (window, remaining[place]) for place, (name, window) in self._windows.items()}
        rows_left = [left for window, left in left.values() if window.in_rows]
        detail = f"This client has used up its quota; the next request is admitted in {retry_after} s."
        counts: dict[str, int] = {}
        if rows_left and rows > min(rows_left):
            counts = {"rows": rows, "rows_left": min(rows_left)}
            detail = f"This has {rows} rows, and {min(rows_left)} are left; all of it is admitted in {retry_after} s."
        body = problem_body(
            429,
            type=QUOTA_EXCEEDED,
            title="Too Many Requests",
            detail=detail,
            instance=path,
            **counts,
            **{
                "violated-policies": [name for name, (window, n) in left.items() if n < (rows if window.in_rows else 1)]
            },
        )
        name = b'"request_id":"'  # within a JSON string the quotes would be escaped
        before, _, rest = body.partition(name + current_request_id.get().encode())
        return RefusalBody(before + name, rest)
