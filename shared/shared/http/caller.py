"""Who calls, as the gateway tells the services: the holder of a key, or else an address.

The gateway takes these headers from nobody and writes them into every request that it passes on. A service behind it
has no other way to tell clients apart, and nobody else can reach a service.
"""

import hashlib
from contextvars import ContextVar
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network
from uuid import UUID

from starlette.types import Scope

from shared.http.key_holder import holder_of
from shared.http.request_id import header

CALLER_HEADER = b"x-caller"

IPV6_PREFIX = 64
"""One IPv6 customer has at least a /64, so addresses within it are one caller."""

KEY = "key:"
"""How a caller with a key begins; no address looks like it."""

current_caller: ContextVar[str | None] = ContextVar("current_caller", default=None)
"""Of the request in whose context this runs, tasks that it started included; None: no gateway said so."""

current_key_id: ContextVar[str | None] = ContextVar("current_key_id", default=None)
"""Of the key that came with it; None: none did."""


def begin_caller(scope: Scope, secret: str) -> None:
    """Makes the caller of a request the current one. Raises HolderNotBelieved."""
    holder = holder_of(scope, secret)
    if holder is None:
        given = header(scope, CALLER_HEADER)
        current_caller.set(given.decode("latin-1") if given else None)
        current_key_id.set(None)
    else:
        current_caller.set(KEY + holder.key_id)
        current_key_id.set(holder.key_id)


def key_digest(key_id: UUID) -> UUID:
    """What is kept of the caller who has this key."""
    return UUID(caller_digest(f"{KEY}{key_id}"))


def caller_at(address: IPv4Address | IPv6Address) -> str:
    """What a caller from an address is counted as: an IPv4 address, mapped into IPv6 or not, or an IPv6 network."""
    if isinstance(address, IPv4Address):
        return str(address)
    return str(address.ipv4_mapped or IPv6Network((address, IPV6_PREFIX), strict=False))


@lru_cache(maxsize=4096)
def caller_digest(caller: str) -> str:
    """What is kept of a caller, 32 hexadecimal digits: the first half of a SHA-256, so that no address lies around.

    Addresses are few enough to be tried: it hides them from who looks at the record, not from who wants to know.
    """
    return hashlib.sha256(caller.encode("utf-8", "surrogatepass")).hexdigest()[:32]
