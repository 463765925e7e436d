"""The server of the metrics: a thread for each of a few scrapes, and none that waits for ever.

prometheus_client's own server makes as many threads as there are connections, and waits for each without a timer.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

MOST_AT_ONCE = 16
"""Scrapes under way. One more ends the oldest: a scrape takes milliseconds, so that one only holds its place."""

SILENCE_SECONDS = 5
"""A client that sends and takes nothing for so long is not listened to any more."""


class Handler(WSGIRequestHandler):
    """One connection, one request."""

    timeout = SILENCE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:
        """Scrapes are not worth a line."""


class ScrapeServer(ThreadingMixIn, WSGIServer):
    """At most MOST_AT_ONCE connections, oldest first."""

    daemon_threads = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = threading.Semaphore(MOST_AT_ONCE)
        self._open: dict[socket.socket, None] = {}  # mutable: who is here, oldest first
        self._lock = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Starts the thread of a connection once there is a place for it."""
        if not self._places.acquire(blocking=False):
            self._end_oldest()
            self._places.acquire()
        with self._lock:
            self._open[request] = None
        super().process_request(request, client_address)

    def _end_oldest(self) -> None:
        """Whatever it waits for, it has come to its end."""
        with self._lock:
            oldest = next(iter(self._open), None)
            if oldest is not None:
                with suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """One connection to its end."""
        with self._place_of(request):
            super().process_request_thread(request, client_address)

    @contextmanager
    def _place_of(self, request: socket.socket) -> Iterator[None]:
        try:
            yield
        finally:
            with self._lock:
                self._open.pop(request, None)
            self._places.release()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has left, or was too slow, is no error of ours."""


def serve_metrics(port: int, host: str, registry: CollectorRegistry) -> None:
    """Serves what the registry holds, from a thread of its own. Raises OSError when the port is taken."""

    class Server(ScrapeServer):
        address_family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0][0]

    server = make_server(host, port, make_wsgi_app(registry), Server, handler_class=Handler)
    threading.Thread(target=server.serve_forever, daemon=True, name="telemetry").start()
