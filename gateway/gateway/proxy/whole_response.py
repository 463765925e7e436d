"""The response that nearly all are: a success, small, here at once, its head plain and its length said.

Only what has one reading is read here; of anything else aiohttp's parser gets every byte, and the last word. So it does
of errors: a load balancer may have said them, whose connection is not used again.
"""

import re
from typing import NamedTuple, Self

from gateway.proxy.headers import Header
from shared.http.server.request_head import LENGTH, TOKEN
from shared.http.server.response_head import BODILESS

VISIBLE = rb"[\t\x20-\x7e\x80-\xff]"
FIELD = TOKEN + rb": (?![ \t])" + VISIBLE + rb"++(?<![ \t])\r\n"
HEAD = re.compile(rb"HTTP/1\.1 (2[0-9]{2}) " + VISIBLE + rb"*+\r\n((?:" + FIELD + rb")++)\r\n")
"""No folded lines, empty values, bare line ends or control characters."""

PAIR = re.compile(rb"([^:]+): ([^\r]+)\r\n")

LONGEST_HEAD, MOST_FIELDS = 8190, 64
"""Bytes, and fields: no more than aiohttp takes of one line, and half as many as it takes at all."""

BEYOND_LENGTH = frozenset({
    b"connection", b"proxy-connection", b"transfer-encoding", b"upgrade", b"sec-websocket-key1",
})  # fmt: skip
"""Fields that say more of where the response, or its connection, ends, or that aiohttp does not take."""


class WholeResponse(NamedTuple):
    """All of a response; its connection waits for the next request already."""

    status: int
    headers: list[Header]
    """Names in lower case."""
    content: bytes

    def limit_silence(self, seconds: float) -> None:
        """Nothing more is to come."""

    async def read(self) -> bytes:
        """The content."""
        return self.content

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass


def whole_response(data: bytes) -> WholeResponse | None:
    """The response that these bytes are; None when they are less, more or anything else than one plain response."""
    match = HEAD.match(data, 0, LONGEST_HEAD)
    if match is None:
        return None
    status = int(match[1])
    headers = [(name.lower(), value) for name, value in PAIR.findall(match[2])]
    by_name = dict(headers)
    length = by_name.get(b"content-length")
    if length is None or LENGTH.fullmatch(length) is None or len(data) - match.end() != int(length):
        return None
    if status in BODILESS or len(headers) > MOST_FIELDS or not BEYOND_LENGTH.isdisjoint(by_name):
        return None
    if len(by_name) != len(headers) and [name for name, _ in headers].count(b"content-length") > 1:
        return None
    return WholeResponse(status, headers, data[match.end() :])
