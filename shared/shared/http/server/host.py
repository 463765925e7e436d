"""`Host`: one, valid, and of the names that this service is called by."""

import re
from collections.abc import Iterable
from functools import lru_cache

HOST = re.compile(rb"(?P<name>[A-Za-z0-9._~-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?")
"""A name or an address, perhaps with a port. No user, no escapes: no honest client sends them."""

LARGEST_PORT = 65_535
LONGEST = 260
"""A name has at most 253 characters; a port six more."""


def host_name(host: bytes) -> str | None:
    """The name without its port, in lower case; None for what is no host."""
    match = HOST.fullmatch(host) if len(host) <= LONGEST else None
    if match is None or int(match["port"] or 0) > LARGEST_PORT:
        return None
    return match["name"].decode().lower().rstrip(".") or None


class Hosts:
    """The names that requests may be for: those given, or any valid one when none is."""

    def __init__(self, allowed: Iterable[str] = ()) -> None:
        self.allowed = frozenset(name.lower().rstrip(".") for name in allowed)
        self.admits = lru_cache(maxsize=1024)(self._admits)

    def _admits(self, host: bytes) -> bool:
        """Whether this value of the header is one of them."""
        name = host_name(host)
        return name is not None and (not self.allowed or name in self.allowed)
