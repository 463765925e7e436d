"""Who is not held to the ingress limit of addresses: nobody, some networks, or everybody."""

from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address

from gateway.request.context import RequestContext

KEPT_ADDRESSES = 4096
"""Addresses that were looked for in the networks, the most recent."""


class Exempt:
    """`networks` are exempt, or, where the limit is `off`, all addresses are."""

    def __init__(self, networks: tuple[IPv4Network | IPv6Network, ...], *, off: bool) -> None:
        self._networks, self._off = networks, off
        self._is_within = lru_cache(KEPT_ADDRESSES)(self._look)

    def has(self, address: str) -> bool:
        """Whether a client at this address is exempt. One without an address only is where everybody is."""
        return self._off or (bool(self._networks) and self._is_within(address))

    def is_everything_free_for(self, context: RequestContext) -> bool:
        """Whether nothing is counted: a key with limits of its own is held to them wherever it comes from."""
        return context.counts_for_address and self.has(context.client.address)

    def _look(self, address: str) -> bool:
        try:
            return any(ip_address(address) in network for network in self._networks)
        except ValueError:
            return False
