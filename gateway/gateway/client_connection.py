"""Tells who waits for an upstream that the client has left. The server's protocol puts it into every scope."""

from collections.abc import Callable

SCOPE_KEY = "client_connection"


class ClientConnection:
    """The connection that a request came over. Requests of one connection are answered one after the other."""

    def __init__(self) -> None:
        self.lost = False
        self._callback: Callable[[], None] | None = None

    def call_when_lost(self, callback: Callable[[], None]) -> None:
        """Calls `callback` when the client leaves, or at once when it has left already."""
        self._callback = callback
        if self.lost:
            callback()

    def forget(self) -> None:
        """Nobody wants to know any more."""
        self._callback = None

    def lose(self) -> None:
        """The server saw the connection end."""
        self.lost = True
        if self._callback is not None:
            self._callback()
