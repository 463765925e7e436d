"""The response that an export is: it begins with the first piece, and its work ends when the client has left."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

import structlog
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from metrics_service.database import DEADLINE_SECONDS, DatabaseUnavailable
from metrics_service.predictions.export_forms import Form
from shared.http.problems import Problem
from shared.http.server.exchange import SCOPE_KEY

log = structlog.get_logger()


class Export(Response):
    """Sends pieces as they come. One that breaks off has no end, which the client can tell."""

    def __init__(self, pieces: AsyncGenerator[bytes, None], form: Form, media_type: str) -> None:
        super().__init__()
        self._pieces, self._form, self._media_type = pieces, form, media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises the problems of the export while nothing was sent."""
        exchange, begun = scope.get(SCOPE_KEY), False
        try:
            async with asyncio.timeout(DEADLINE_SECONDS) as time, aclosing(self._pieces) as pieces:
                if exchange is not None:  # None: the server is not our own
                    exchange.call_when_lost(lambda: time.reschedule(0))
                first = await anext(pieces, b"")
                time.reschedule(None)
                begun = True
                await self._send(first, pieces, send)
        except TimeoutError as error:
            if begun or (exchange is not None and exchange.lost):
                return
            raise DatabaseUnavailable from error
        finally:
            if exchange is not None:
                exchange.forget()

    async def _send(self, first: bytes, pieces: AsyncGenerator[bytes, None], send: Send) -> None:
        name = f'attachment; filename="predictions.{self._form}"'
        headers = [
            (b"content-type", self._media_type.encode()),
            (b"content-disposition", name.encode()),
            (b"cache-control", b"no-store"),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        try:
            async for piece in pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except Problem as problem:
            log.warning("export broke off", reason=problem.title)
            return
        await send({"type": "http.response.body", "body": b""})
