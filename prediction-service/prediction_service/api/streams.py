"""Streams over HTTP: what is asked of them beside their rows, and responses that begin before the request has ended."""

import asyncio
from collections.abc import AsyncIterator
from time import monotonic
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from prediction_service.api.schemas import ModelVersion
from prediction_service.batching.problems import CallerLeft
from prediction_service.choice import Choice
from prediction_service.idempotency.key import bad_key, has_key
from prediction_service.models.model import Model
from prediction_service.predict import Predictor
from prediction_service.request.caller import Caller
from prediction_service.streams.csv_rows import CsvRows
from prediction_service.streams.groups import Groups
from prediction_service.streams.lines import CsvLines, NdjsonLines
from prediction_service.streams.ndjson_rows import NdjsonRows
from prediction_service.streams.outlet import Disk, Outlet
from prediction_service.streams.places import Streams
from prediction_service.streams.row import LineWriter, RowReader
from prediction_service.streams.stream import Stream
from shared.contracts.names import ModelName, TaskType
from shared.contracts.problem import FieldError
from shared.http.caller import current_caller
from shared.http.problems import InvalidRequest
from shared.http.request_body import PLAIN, UTF8, UnsupportedMediaType
from shared.http.request_id import header
from shared.http.server.exchange import SCOPE_KEY
from shared.http.streams import CSV, is_one_way, stream_type
from shared.http.strict_route import StrictRoute

RESPONSE_TYPES = {CSV: b"text/csv; charset=utf-8; header=present"}


class StreamRoute(StrictRoute):
    """A route for the bodies of streams alone; other bodies to its path are another route's."""

    def takes(self, scope: Scope) -> bool:
        """Whether the body is CSV or NDJSON."""
        return stream_type(scope) is not None


class StreamedPredictions(Response):
    """The response to a stream, which reads the request itself."""

    def __init__(self, predictor: Predictor, model: Model, streams: Streams, disk: Disk, media_type: str) -> None:
        super().__init__()
        self._predictor, self._model, self._streams, self._disk = predictor, model, streams, disk
        self._media_type = media_type

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Leaves a stream that is not complete without its end, which the client can tell.

        Raises InvalidRequest and Overloaded while nothing was sent.
        """
        with self._streams.place(current_caller.get()):
            await self._respond(scope, receive, send)

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        left, begun = asyncio.Event(), False
        exchange = scope.get(SCOPE_KEY)
        if exchange is not None:  # None: the server is not our own
            exchange.call_when_lost(left.set)

        async def has_left() -> None:
            await left.wait()

        async def send_lines(data: bytes) -> None:
            nonlocal begun
            if not begun:
                begun = True
                await send({"type": "http.response.start", "status": 200, "headers": self._fields()})
            await send({"type": "http.response.body", "body": data, "more_body": True})

        reader, writer = self._forms()
        groups = Groups(self._predictor, self._model, self._streams, Caller(has_left), monotonic)
        stream = Stream(reader, writer, groups, Outlet(self._disk), one_way=is_one_way(scope))
        try:
            await stream.run(body_of(receive), send_lines, has_left)
        except CallerLeft:
            return
        finally:
            if exchange is not None:
                exchange.forget()
        if stream.is_complete:
            await send({"type": "http.response.body", "body": b""})

    def _forms(self) -> tuple[RowReader, LineWriter]:
        """How the rows are written, in and out."""
        signature = self._model.manifest.signature
        if self._media_type != CSV:
            return NdjsonRows(signature), NdjsonLines(self._model)
        rows = CsvRows(signature)
        return rows, CsvLines(self._model, lambda: [name for _, name in rows.columns.passed] if rows.columns else [])

    def _fields(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"content-type", RESPONSE_TYPES.get(self._media_type, self._media_type.encode())),
            (b"x-model-name", self._model.name.encode()),
            (b"x-model-version", self._model.version.encode()),
            (b"x-accel-buffering", b"no"),  # a proxy in front should not wait for more
        ]


def stream_router(predictor: Predictor, choice: Choice, streams: Streams, disk: Disk) -> APIRouter:
    """Predictions for bodies of any length; its document stands with the other bodies of its path."""
    router = APIRouter(prefix="/predict", route_class=StreamRoute)

    @router.post("/batch", include_in_schema=False)
    async def predict_stream(
        request: Request,
        model_name: ModelName | None = None,
        model_version: ModelVersion | None = None,
        task_type: TaskType | None = None,
    ) -> Response:
        """One line for each row, in their order, each on record before it is sent."""
        media_type = checked_type(request)
        if has_key(request.scope):
            raise bad_key("does not go with a stream; what came of it says how far it was recorded: send what follows")
        try:
            model = choice.of(request, model_name, model_version, task_type)
        except InvalidRequest as problem:
            message = problem.extensions["errors"][0]["message"]
            raise InvalidRequest([FieldError(location="query.task_type", message=message)]) from None
        return StreamedPredictions(predictor, model, streams, disk, media_type)

    return router


def checked_type(request: Request) -> str:
    """The type of the body. Raises UnsupportedMediaType for one that is compressed, or not in UTF-8."""
    if (header(request.scope, b"content-encoding") or b"").strip().lower() not in PLAIN:
        raise UnsupportedMediaType(
            "A stream is sent as it is, without Content-Encoding.", headers={"Accept-Encoding": "identity"}
        )
    value = (header(request.scope, b"content-type") or b"").decode("latin-1")
    charset = next(
        (part.partition("=")[2] for part in value.lower().split(";")[1:] if part.strip().startswith("charset=")), ""
    )
    if charset.strip(' "') not in {"", *UTF8}:
        raise UnsupportedMediaType("A stream is UTF-8, in no other charset.")
    media_type = stream_type(request.scope)
    if media_type is None:
        raise RuntimeError("only streams come here")
    return media_type


async def body_of(receive: Receive) -> AsyncIterator[bytes]:
    """The body as it comes. Raises CallerLeft."""
    more = True
    while more:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise CallerLeft
        more = message.get("more_body", False)
        if message.get("body"):
            yield message["body"]
