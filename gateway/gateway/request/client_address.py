"""Who is calling: the peer, or, behind trusted proxies, the rightmost address that is not one of them.

Everything left of that address was written by somebody we do not trust and is ignored.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from starlette.types import Scope

MAX_HOPS = 32
"""Hops that are looked at, from the right; no honest chain is longer."""

IPV6_PREFIX = 64
"""One IPv6 customer has at least a /64, so addresses within it are one client."""

LONGEST_ENTRY = 128
"""Characters of one entry: an IPv6 address with a mapped one in it, zone, brackets and port, has at most 80. Anything
longer is garbage, and is not remembered: it could fill the memory."""

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Client:
    """A caller: its address as text, and the key under which it is counted."""

    address: str
    limit_key: str


def parse_address(text: str) -> Address | None:
    """The address in one entry of X-Forwarded-For: with or without port and brackets; None for garbage.

    An IPv4 address mapped into IPv6 is that IPv4 address; a zone index is dropped.
    """
    text = text.strip().strip('"')
    return cached_address(text) if len(text) <= LONGEST_ENTRY else None


@lru_cache(maxsize=65_536)
def cached_address(text: str) -> Address | None:
    """As `parse_address`, remembered: most callers are back soon."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


@lru_cache(maxsize=65_536)
def client_at(address: Address) -> Client:
    """The client with this address."""
    if isinstance(address, IPv6Address):
        return Client(str(address), str(ip_network((address, IPV6_PREFIX), strict=False)))
    return Client(str(address), str(address))


UNKNOWN = Client("unknown", "unknown")
"""A caller without an IP address (a Unix socket); all of them are one client."""


class ClientAddresses:
    """Finds the client of a request, given the networks of trusted proxies."""

    def __init__(self, trusted_proxies: tuple[Network, ...]) -> None:
        self._trusted_proxies = trusted_proxies
        self._is_trusted = lru_cache(maxsize=4096)(self._is_in_networks)

    def _is_in_networks(self, address: Address) -> bool:
        """Whether what this address says about others is believed."""
        return any(address in network for network in self._trusted_proxies)

    def counted_peer(self, peer: str) -> str | None:
        """The client at the other end of a connection; None when it is a trusted proxy, which speaks for many."""
        address = parse_address(peer)
        return None if address is None or self._is_trusted(address) else client_at(address).limit_key

    def is_proxy(self, peer: str) -> bool:
        """Whether the other end of a connection is a trusted proxy."""
        address = parse_address(peer)
        return address is not None and self._is_trusted(address)

    def client_of(self, scope: Scope) -> tuple[Client, bool]:
        """The client of an ASGI request, and whether its peer is a trusted proxy.

        A hop that is garbage can only have been handed on by the trusted hop to its right, which then is the client:
        it is the last one that we know.
        """
        peer = peer_of(scope)
        if peer is None:
            return UNKNOWN, False
        if not self._is_trusted(peer):
            return client_at(peer), False
        last = peer
        for hop in reversed(forwarded_for(scope)[-MAX_HOPS:]):
            address = parse_address(hop)
            if address is None:
                break
            last = address
            if not self._is_trusted(address):
                break
        return client_at(last), True


def peer_of(scope: Scope) -> Address | None:
    """The other end of the connection."""
    return parse_address(scope["client"][0]) if scope.get("client") else None


def forwarded_for(scope: Scope) -> list[str]:
    """The entries of all X-Forwarded-For headers, in order."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [entry for value in values for entry in value.split(",") if entry.strip()]
