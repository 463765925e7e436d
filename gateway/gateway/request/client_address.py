"""Who is calling: the peer, or, behind trusted proxies, the rightmost address that is not one of them.

Everything left of that address was written by somebody we do not trust and is ignored.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import AF_INET, inet_pton

from starlette.types import Scope

from shared.http.caller import caller_at

MAX_HOPS = 32
"""Hops that are looked at, from the right; no honest chain is longer."""

LONGEST_ENTRY = 128
"""Characters of one entry: an IPv6 address with a mapped one in it, zone, brackets and port, has at most 80. Anything
longer is garbage, and is not remembered: it could fill the memory."""

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Client:
    """A caller: its address as text, and the key under which it is counted."""

    address: str
    limit_key: str


def client_in(entry: str) -> Client | None:
    """The client in one entry of X-Forwarded-For: an address with or without port and brackets; None for garbage.

    An IPv4 address mapped into IPv6 is that IPv4 address; a zone index is dropped.
    """
    entry = entry.strip().strip('"')
    return cached_client(entry) if len(entry) <= LONGEST_ENTRY else None


@lru_cache(maxsize=65_536)
def cached_client(entry: str) -> Client | None:
    """As `client_in`, remembered: most callers are back soon."""
    if ipv4_bytes(entry) is not None:
        return Client(entry, entry)
    if entry.startswith("["):
        entry = entry[1:].partition("]")[0]
    elif entry.count(":") == 1:
        entry = entry.partition(":")[0]
    try:
        address = ip_address(entry.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return Client(str(address), caller_at(address))


def ipv4_bytes(text: str) -> bytes | None:
    """The four bytes of a plain IPv4 address, which has one spelling; None for anything else.

    Most addresses are of this kind. One that is not remembered takes a quarter of the time of `ip_address`.
    """
    try:
        return inet_pton(AF_INET, text)
    except (OSError, ValueError):  # ValueError: a null byte, or what is not ASCII
        return None


UNKNOWN = Client("unknown", "unknown")
"""A caller without an IP address (a Unix socket); all of them are one client."""


class ClientAddresses:
    """Finds the client of a request, given the networks of trusted proxies."""

    def __init__(self, trusted_proxies: tuple[Network, ...]) -> None:
        self._trusted_proxies = trusted_proxies
        self._trusted_ipv4 = [
            (int(network.network_address), int(network.netmask))
            for network in trusted_proxies
            if isinstance(network, IPv4Network)
        ]
        self._is_trusted = lru_cache(maxsize=4096)(self._is_in_networks)

    def _is_in_networks(self, address: str) -> bool:
        """Whether what this address says about others is believed."""
        if (packed := ipv4_bytes(address)) is not None:
            number = int.from_bytes(packed)
            return any(number & mask == network for network, mask in self._trusted_ipv4)
        return any(ip_address(address) in network for network in self._trusted_proxies)

    def counted_peer(self, peer: str) -> str | None:
        """The client at the other end of a connection; None when it is a trusted proxy, which speaks for many."""
        client = client_in(peer)
        return None if client is None or self._is_trusted(client.address) else client.limit_key

    def is_proxy(self, peer: str) -> bool:
        """Whether the other end of a connection is a trusted proxy."""
        client = client_in(peer)
        return client is not None and self._is_trusted(client.address)

    def client_of(self, scope: Scope) -> tuple[Client, list[str] | None]:
        """The client of an ASGI request, and who is before its peer, when that is a trusted proxy; else None.

        A hop that is garbage can only have been handed on by the trusted hop to its right, which then is the client:
        it is the last one that we know.
        """
        peer = peer_of(scope)
        if peer is None:
            return UNKNOWN, None
        if not self._is_trusted(peer.address):
            return peer, None
        last, hops = peer, forwarded_for(scope)
        for hop in reversed(hops[-MAX_HOPS:]):
            client = client_in(hop)
            if client is None:
                break
            last = client
            if not self._is_trusted(client.address):
                break
        return last, hops


def peer_of(scope: Scope) -> Client | None:
    """The other end of the connection."""
    return client_in(scope["client"][0]) if scope.get("client") else None


def forwarded_for(scope: Scope) -> list[str]:
    """The entries of all X-Forwarded-For headers, in order."""
    values = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-for"]
    return [entry for value in values for entry in value.split(",") if entry.strip()]
