"""The path below which this gateway is reached from outside, when a proxy in front serves it below one.

`ROOT_PATH` says so for good; `X-Forwarded-Prefix`, of a trusted proxy that has taken it off the path, for one request.
"""

import re

from starlette.types import Scope

from gateway.request.context import context_of
from shared.http.request_id import header

PREFIX = re.compile(r"(?:/[A-Za-z0-9._~-]{1,64}){1,8}")
"""Plain segments only: the prefix goes into pages and documents as it is."""


def require_prefix(text: str) -> str:
    """`/ml` or `/team/ml`, without a slash at its end; empty: none. ValueError for anything else."""
    text = text.rstrip("/")
    if text and not is_prefix(text):
        raise ValueError("is a path of plain segments such as /ml")
    return text


def is_prefix(text: str) -> bool:
    """Whether this can stand before every path."""
    return PREFIX.fullmatch(text) is not None and not {".", ".."} & set(text.split("/"))


class PublicPrefix:
    """The prefix of each request."""

    def __init__(self, root_path: str) -> None:
        self._root_path = root_path

    def take_off(self, scope: Scope) -> None:
        """Makes the path of a request one of ours, where the proxy has left ROOT_PATH on it."""
        prefix, raw = self._root_path, scope["raw_path"]
        if prefix and (raw == prefix.encode() or raw.startswith(prefix.encode() + b"/")):
            scope["raw_path"] = raw[len(prefix) :] or b"/"
            scope["path"] = scope["path"][len(prefix) :] or "/"

    def of(self, scope: Scope) -> str:
        """What stands before each public path for who sent this request."""
        forwarded = header(scope, b"x-forwarded-prefix") if context_of(scope).through_proxy else None
        text = (forwarded or b"").decode("latin-1").rstrip("/")
        return text if is_prefix(text) else self._root_path
