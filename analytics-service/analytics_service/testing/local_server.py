"""A small HTTP server in a thread, on 127.0.0.1, that can go away and come back on the same port."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Self


class QuietServer(ThreadingHTTPServer):
    """Connections that the other side or the test cut are part of the game."""

    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing."""


class LocalServer:
    """Use as a context manager. The first start chooses a free port, which stays the same over further starts."""

    def __init__(self) -> None:
        self.port = 0
        self.server: QuietServer | None = None

    @property
    def url(self) -> str:
        """Where it listens, once it was started."""
        return f"http://127.0.0.1:{self.port}"

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """What answers requests."""
        raise NotImplementedError

    def start(self) -> None:
        """Listens."""
        self.server = QuietServer(("127.0.0.1", self.port), self.handler())
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Refuses connections from now on."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
