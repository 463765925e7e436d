"""The client that waits for predictions: how long, and whether it is still connected."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request

from prediction_service.request.timeout import FIELD, parse_timeout
from shared.http.problems import Problem
from shared.http.request_id import header


@dataclass(frozen=True, slots=True)
class Caller:
    """The client of one request. `left` returns when it has closed its connection, and not before; None: it stays.

    `timeout_seconds`: how long it waits for the model, counted from when the whole request has been read; None: it did
    not say.
    """

    left: Callable[[], Coroutine[Any, Any, None]] | None
    timeout_seconds: float | None = None


def caller_of(request: Request, bad_timeout: Callable[[str], Problem]) -> Caller:
    """The client of this request.

    Raises `bad_timeout(message)`, the problem in the form of the protocol.
    """

    async def left() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    try:
        return Caller(left, parse_timeout(header(request.scope, FIELD)))
    except ValueError as error:
        raise bad_timeout(str(error)) from error
