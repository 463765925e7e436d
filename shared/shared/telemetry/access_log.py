"""The access log: a line for each request of those that `ACCESS_LOG` names.

`all` is for the edge of the system, where every request comes by: the gateway. The services behind it have `errors`:
what went wrong, and what was slow. Metrics and traces have every request, whatever is logged.
"""

import logging
from collections.abc import Callable
from math import inf
from typing import Any

import orjson
import structlog

from shared.asyncio.clock import utc_now
from shared.http.request_id import current_request_id
from shared.settings.settings import AccessLogged
from shared.telemetry.logs import output
from shared.tracing.context import current_trace_id

LEAST_ERROR = 400
"""Status from which on a response is an error: whoever was told so may come and ask, with the request's id."""

OVER_LIMIT = 429
"""A limit has done what it is for. A flood of these is counted by reason, and must not flood the log as well."""

LEVELS = {logging.DEBUG: "debug", logging.INFO: "info"}
"""What lines about requests have as `level`."""

Described = tuple[str, str, str | None, str | None]
"""What logs and metrics say of a request: its path template, the address of its client, the id of its key, and the
service that it was handed on to."""

LineWriter = Callable[[int, dict[str, Any]], None]
"""Takes the level of a line and what it tells."""


class AccessLog:
    """Which requests have a line, and who writes it. Until it is configured all have one, by structlog."""

    def __init__(self) -> None:
        self._write: LineWriter = through_structlog
        self._service = ""
        self._least_level, self._least_error, self._slow_seconds = logging.DEBUG, inf, 0.0

    def configure(
        self, service: str, level: str, log_format: str, *, logged: AccessLogged, slow_seconds: float
    ) -> None:
        """Writes the lines of requests that are `logged`, from `level` on, as `json` or `console`.

        `slow_seconds`: a response that begins later than that is a slow one; 0: none is.
        """
        self._least_level = logging.getLevelNamesMapping()[level]
        self._least_error = LEAST_ERROR if logged == "errors" else inf
        self._slow_seconds = {"all": 0.0, "errors": slow_seconds or inf, "off": inf}[logged]
        self._service = service
        self._write = to_json() if log_format == "json" else through_structlog

    def has(self, level: int, status: int, began_after: float) -> bool:
        """Whether a request has a line; asked before anything is done for that.

        `began_after`: seconds from the beginning of the request to that of its response. A stream, whose end waits for
        its client, is none the slower for that.
        """
        return level >= self._least_level and (
            began_after >= self._slow_seconds or (status >= self._least_error and status != OVER_LIMIT)
        )

    def tell(
        self,
        level: int,
        method: str,
        path: str | None,
        described: Described,
        status: int,
        seconds: float,
        refused: str | None,
    ) -> None:
        """Writes the line of a request. `refused`: why the server itself has answered."""
        route, client, key_id, upstream = described
        line = {
            "method": method,
            "path": path,
            "route": route,
            "status": status,
            "duration_ms": int(seconds * 100_000 + 0.5) / 100,  # `round` takes thrice as long
            "client": client,
            "event": "request",
            "request_id": current_request_id.get(),
            "level": LEVELS[level],
            "timestamp": utc_now(),
            "service": self._service,
        }
        if key_id is not None:
            line["key"] = key_id
        if upstream is not None:
            line["upstream"] = upstream
        if refused is not None:
            line["refused"] = refused
        if trace_id := current_trace_id():
            line["trace_id"] = trace_id
        self._write(level, line)


def through_structlog(level: int, line: dict[str, Any]) -> None:
    """The line as one like any other: what those have of their own, such as the time, structlog writes over."""
    del line["level"]
    structlog.get_logger().log(level, **line)


def to_json() -> LineWriter:
    """A short way to the same JSON: structlog's chain of processors takes four times as long."""
    write = output().write

    def write_line(_: int, line: dict[str, Any]) -> None:
        # A copy: what orjson returns keeps its buffer of at least 4 KiB. A hundred of them that wait, at thousands of
        # requests a second, are pages that the system gives and takes back with each batch: twice the time of a line.
        write(orjson.dumps(line, default=str, option=orjson.OPT_UTC_Z) + b"\n")

    return write_line


access_log = AccessLog()  # mutable: a service configures it, once, before it serves
