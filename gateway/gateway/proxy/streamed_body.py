"""The body of a stream on its way through: as long as it likes, and a few pieces of it here at a time."""

from collections.abc import Callable

from starlette.types import Receive, Scope

from gateway.proxy.body import ClientBody
from gateway.proxy.unfinished_bodies import UnfinishedBodies


class StreamedBody(ClientBody):
    """Reads from the client as fast as the service takes it; `on_piece` is called with each piece."""

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        unfinished: UnfinishedBodies,
        on_piece: Callable[[], None],
        on_complete: Callable[[], None],
    ) -> None:
        super().__init__(scope, receive, on_complete)
        self._unfinished, self._on_piece = unfinished, on_piece

    def _came(self, size: int) -> None:
        self._unfinished.has_passed(size)
        self._on_piece()
