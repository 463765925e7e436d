"""The health check of every service's container: exit code 0 while the service says that it is ready.

It runs every two seconds, so it is a socket and nothing more: imports are what such a check costs.
"""

import os
import socket
import sys

REQUEST = b"GET /health/ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
TIMEOUT_SECONDS = 1.5


def is_ready(port: int) -> bool:
    """Whether the service on this port answers 200."""
    try:
        with socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS) as connection:
            connection.sendall(REQUEST)
            return connection.recv(64).startswith(b"HTTP/1.1 200 ")
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(not is_ready(int(os.environ["PORT"])))
