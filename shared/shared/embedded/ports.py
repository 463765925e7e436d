"""Free ports on the loopback interface."""

import random
import socket
from collections.abc import Iterator

CANDIDATES = range(20_000, 32_000)
"""Below the range from which systems take the ports of outgoing connections, so a port stays ours over restarts."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True


def free_ports() -> Iterator[int]:
    """Ports that nobody listens on at the moment, each once, in no order: two stacks that start at once rarely meet."""
    for port in random.sample(CANDIDATES, len(CANDIDATES)):
        if is_free(port):
            yield port
