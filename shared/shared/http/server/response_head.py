"""The head of a response, and how the end of its body is told."""

from collections.abc import Iterable
from http import HTTPStatus
from typing import NamedTuple

from shared.http.server.request_head import LENGTH, Header

NO_CONTENT = 204
BODILESS = frozenset({NO_CONTENT, 304})
"""Statuses whose responses end with their head."""

CONTROL_CHARACTERS = bytes(set(range(32)) - {ord("\t")}) + b"\x7f"
"""Of a head, only line ends may be among these."""

LEAST, LARGEST = 200, 599
"""Statuses of final responses."""


class ResponseError(RuntimeError):
    """The application said what no response may say."""


class Ending(NamedTuple):
    """How the client learns where the body ends."""

    length: int | None
    """Bytes that must follow; None: not told beforehand."""
    close: bool
    """The connection ends with the response."""


def status_line(status: int) -> bytes:
    """The first line of a response."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


STATUS_LINES = {status: status_line(status) for status in range(LEAST, LARGEST + 1)}


def response_head(status: int, headers: Iterable[Header], date: bytes) -> tuple[list[bytes], Ending]:
    """The lines of the head, but for those that say how the body ends, and what the application said about that.

    Raises ResponseError for a status that is none, and for values that would begin a line of their own.
    """
    first = STATUS_LINES.get(status)
    if first is None:
        raise ResponseError(f"{status} is no status of a response")
    length, close, fields = None, False, 0
    parts = [first, date]
    for name, value in headers:
        if name == b"content-length":
            if LENGTH.fullmatch(value) is None:
                raise ResponseError("the length of the response is no number")
            length = int(value)
        elif name == b"connection":
            close = close or b"close" in value.lower()
        elif name != b"transfer-encoding":
            parts += (name, b": ", value, b"\r\n")
            fields += 1
    head = b"".join(parts)
    if len(head) - len(head.translate(None, CONTROL_CHARACTERS)) != 2 * (fields + 2):
        raise ResponseError("a header field of the response has a control character")
    return [head], Ending(length, close)
