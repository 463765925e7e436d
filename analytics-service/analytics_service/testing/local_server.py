"""A small HTTP server in a thread, on 127.0.0.1, that can go away and come back on the same port."""

import contextlib
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class QuietServer(ThreadingHTTPServer):
    """Connections that the other side or the test cut are part of the game. `open_sockets` are those to cut."""

    daemon_threads = True
    request_queue_size = 1024

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        self.open_sockets: set[socket.socket] = set()
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Notes the connection."""
        connection, address = super().get_request()
        self.open_sockets.add(connection)
        return connection, address

    def shutdown_request(self, request: Any) -> None:
        """Forgets the connection."""
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        """Ends every connection, as the death of a process does."""
        for connection in list(self.open_sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

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
        """Refuses connections from now on, and cuts those there are."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server.cut_all()
            self.server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
