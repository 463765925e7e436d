"""Who is meant by `caller` in a query: the record knows callers by a digest of what the gateway counts them as."""

from contextlib import suppress
from ipaddress import ip_address
from uuid import UUID

from shared.http.caller import KEY, caller_at, caller_digest, key_digest


def digest_of(caller: str) -> UUID:
    """The digest that is meant: itself, or that of a key (`key:<its id>`), an address or a name.

    Every address of an IPv6 network leads to that network, as at the gateway.
    """
    with suppress(ValueError):
        return UUID(caller)
    with suppress(ValueError):
        return key_digest(UUID(caller.removeprefix(KEY)))
    return UUID(caller_digest(counted_as(caller)))


def counted_as(caller: str) -> str:
    """What the gateway counts it as: addresses and networks in the one form that it has for them."""
    with suppress(ValueError):
        address, _, prefix = caller.strip("[]").partition("/")
        counted = caller_at(ip_address(address.partition("%")[0]))
        if not prefix or counted.endswith(f"/{prefix}"):
            return counted
    return caller
