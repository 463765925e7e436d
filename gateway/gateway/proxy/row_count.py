"""How many rows a prediction has, known before it is admitted: for callers alone whose limits count rows.

The body is read here, as a service would, and once more by the proxy from what was kept. What a service refuses
computes nothing, and counts as one row: the service says what is wrong with it.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from typing import Any, NamedTuple

from pydantic import BaseModel
from starlette.types import Message, Receive, Scope

from gateway.proxy.body import BodyTooLarge, BodyTooSlow
from gateway.request.context import context_of
from gateway.request.routing import EXACT, OPEN_INFERENCE_INFER
from shared.http.caller import CALLER_HEADER
from shared.http.json_body import JsonBody
from shared.http.json_structure import MAX_TENSOR_VALUES
from shared.http.problems import Problem
from shared.http.request_body import ENCODINGS, PLAIN, SMALL_BYTES, in_thread, inflated, place_for_large
from shared.http.request_id import header
from shared.http.server.held_bytes import holding
from shared.http.streams import stream_type

MOST_ROWS = 1_000_001
"""More than any limit has, and than any service takes at once."""

JSON_LENGTH = b"inference-header-content-length"
DECIMAL = re.compile(rb"\d{1,10}")


class Batch(BaseModel):
    """A body of `/predict/batch`, as far as its rows are concerned."""

    texts: list[Any] | None = None
    rows: list[Any] | None = None

    @property
    def size(self) -> int:
        """How many there are."""
        return max(len(self.texts or ()), len(self.rows or ()))


class Tensor(BaseModel):
    """An input of `/v2/models/{name}/infer`: rows are the first of its dimensions."""

    shape: list[int]


class Inference(BaseModel):
    """A body of `/v2/models/{name}/infer`. All inputs have the same rows, or the service refuses it."""

    inputs: list[Tensor]

    @property
    def size(self) -> int:
        """How many rows."""
        return max((tensor.shape[0] for tensor in self.inputs if tensor.shape), default=1)


BODIES: dict[str, JsonBody[Batch] | JsonBody[Inference]] = {
    EXACT["/predict/batch"].path: JsonBody(Batch, MAX_TENSOR_VALUES),
    OPEN_INFERENCE_INFER.path: JsonBody(Inference, MAX_TENSOR_VALUES),
}
"""Of the routes that take several rows at once."""


class Counted(NamedTuple):
    """A prediction whose rows are known."""

    rows: int | None
    """None: it is a stream, of as many rows as come."""
    receive: Receive
    """Reads the body once more."""


class RowCounter:
    """Reads bodies of at most `max_bytes`, inflated too, within `seconds`."""

    def __init__(self, *, max_bytes: int, seconds: float) -> None:
        self._max_bytes, self._seconds = max_bytes, seconds

    @asynccontextmanager
    async def counted(self, scope: Scope, receive: Receive) -> AsyncIterator[Counted | None]:
        """Rows, and the body once more, which is held until it has been read; None: the client has left.

        Raises BodyTooSlow, BodyTooLarge, UnreadableBody, Overloaded.
        """
        context = context_of(scope)
        body = None if context.route is None else BODIES.get(context.route.path)
        if body is None or context.route is None:
            yield Counted(1, receive)
            return
        if context.route.streams and stream_type(scope) is not None:
            yield Counted(None, receive)
            return
        with ExitStack() as held:
            kept = KeptBody(receive, held, context.counted_as)
            if not await self._read(kept, int(header(scope, b"content-length") or 0)):
                yield None
                return
            encoding = (header(scope, b"content-encoding") or b"").strip().lower()
            count = rows_in(body, header(scope, JSON_LENGTH))
            yield Counted(await self._count(count, kept.content, encoding), kept.again)

    async def _read(self, kept: "KeptBody", declared: int) -> bool:
        """Whether all of it is here; if not, the client has left."""
        if declared > self._max_bytes:
            raise BodyTooLarge(self._max_bytes)
        try:
            async with asyncio.timeout(self._seconds):
                while await kept.read():
                    if kept.size > self._max_bytes:
                        raise BodyTooLarge(self._max_bytes)
        except TimeoutError:
            raise BodyTooSlow(self._seconds) from None
        return kept.is_complete

    async def _count(self, count: Callable[[bytes], int], content: bytes, encoding: bytes) -> int:
        """Large bodies are counted where they are in nobody's way, as services read them."""
        if encoding in PLAIN and len(content) <= SMALL_BYTES:
            return count(content)
        async with place_for_large():
            if encoding in ENCODINGS:
                content = await in_thread(inflated, content, self._max_bytes)
            return await in_thread(count, content)


class KeptBody:
    """A body that is read twice; its bytes count among those held for `caller` until the second time."""

    def __init__(self, receive: Receive, held: ExitStack, caller: str) -> None:
        self._receive, self._held = receive, held
        self._hold = held.enter_context(holding({"headers": [(CALLER_HEADER, caller.encode())]}))
        self._messages: deque[Message] = deque()
        self.size = 0
        self.is_complete = False

    @property
    def content(self) -> bytes:
        """What has come."""
        return b"".join(message.get("body", b"") for message in self._messages)

    async def read(self) -> bool:
        """Keeps the next piece; whether there are more. Raises Overloaded."""
        message = await self._receive()
        if message["type"] == "http.disconnect":
            return False
        size = len(message.get("body", b""))
        self._hold(size)
        self._messages.append(message)
        self.size += size
        self.is_complete = not message.get("more_body", False)
        return not self.is_complete

    async def again(self) -> Message:
        """The same pieces, and whatever comes behind them."""
        if not self._messages:
            return await self._receive()
        message = self._messages.popleft()
        if not self._messages:
            self._held.close()
        return message


def rows_in(body: JsonBody[Batch] | JsonBody[Inference], json_length: bytes | None) -> Callable[[bytes], int]:
    """Counts the rows of a body; 1 for one that no service takes."""

    def count(content: bytes) -> int:
        if json_length is not None:
            content = content[: int(json_length)] if DECIMAL.fullmatch(json_length) else b""
        try:
            return min(max(body.parse(content).size, 1), MOST_ROWS)
        except Problem:
            return 1

    return count
