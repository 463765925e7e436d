"""What a stranger gets for a request that is not understood: a problem, a number in the metrics, perhaps a line."""

import logging
from collections.abc import Mapping
from contextvars import copy_context
from http import HTTPStatus

from shared.http.problems import MEDIA_TYPE, problem_body
from shared.http.request_id import HEADER, current_request_id, new_request_id, sane_request_id
from shared.telemetry.access_log import access_log
from shared.telemetry.loop_metrics import LoopCounter
from shared.telemetry.requests import METHODS, NO_ADDRESS, REQUESTS, UNMATCHED

REFUSALS = LoopCounter("http_refusals", "Requests refused before they reached the application", ["reason"])

CUTS = LoopCounter("http_connections_cut", "Connections ended before their response", ["reason"])

LONGEST_INSTANCE = 200
"""Characters of a refused path that are told and logged."""


class Refused(Exception):
    """The server does not take this request. `reason` is a label of the metrics: one of few."""

    def __init__(self, status: int, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.reason, self.detail = status, reason, detail
        self.method = "other"
        self.instance: str | None = None
        self.request_id: str | None = None

    def concerns(self, method: bytes, target: bytes, headers: Mapping[bytes, bytes]) -> None:
        """Which request it is about, when so much of it is known."""
        name = method.decode()
        self.method = name if name in METHODS else "other"
        self.instance = target.partition(b"?")[0][:LONGEST_INSTANCE].decode()
        self.request_id = sane_request_id(headers.get(HEADER))


def refusal_response(refused: Refused, client: str, *, recorded: bool = False) -> bytes:
    """The whole response, after which the connection is closed; counted, and logged with the client's address.

    `recorded`: the application, which was at work on the request, counts and logs it.
    """
    return copy_context().run(_refusal_response, refused, client, recorded)


def _refusal_response(refused: Refused, client: str, recorded: bool) -> bytes:  # noqa: FBT001 - through a context
    request_id = refused.request_id or new_request_id()
    current_request_id.set(request_id)
    REFUSALS.by_labels[(refused.reason,)] += 1
    if not recorded:
        record_refusal(refused, client)
    body = problem_body(refused.status, detail=refused.detail, instance=refused.instance)
    return b"HTTP/1.1 %d %b\r\ncontent-type: %b\r\ncontent-length: %d\r\n%b: %b\r\nconnection: close\r\n\r\n%b" % (
        refused.status,
        HTTPStatus(refused.status).phrase.encode(),
        MEDIA_TYPE.encode(),
        len(body),
        HEADER,
        request_id.encode(),
        body if refused.method != "HEAD" else b"",
    )


def record_refusal(refused: Refused, client: str) -> None:
    """In the metrics and, if it has a line there, in the log."""
    REQUESTS.by_labels[UNMATCHED, refused.method, str(refused.status)] += 1
    if access_log.has(logging.INFO, refused.status, 0.0):
        described = (UNMATCHED, client or NO_ADDRESS, None, None)
        access_log.tell(logging.INFO, refused.method, refused.instance, described, refused.status, 0.0, refused.reason)
