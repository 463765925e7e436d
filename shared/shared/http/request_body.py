"""The bytes of a request's body: of JSON, bounded in size, whatever their Content-Encoding.

A small body costs nothing more than its bytes. Of larger ones only so much is held at a time, and only a few are
inflated and parsed, off the event loop: once all of them is here.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from email.message import Message
from functools import partial
from typing import ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from starlette.requests import ClientDisconnect, Request

from shared.http.problems import Overloaded, Problem
from shared.http.request_id import header
from shared.http.server.held_bytes import holding

MAX_BYTES = 1_048_576
"""Of a body, inflated, where a route does not say something else."""

SMALL_BYTES = 16_384
"""Up to this size a body is parsed where it is: a thread's hop would take longer."""

LARGE_AT_ONCE = 2
"""Larger bodies that are inflated and parsed at the same time: of no route may one have more than 12 MiB."""

LARGE_WAIT_SECONDS = 5.0
"""How long a larger body that is here waits until others are parsed; then 503."""

MOST_RATIO = 100
"""Bytes that one compressed byte may become. Texts reach 3 to 10, a batch of one text over and over 300; deflate itself
1,032."""

ANY_RATIO_BYTES = MAX_BYTES
"""What is no larger than this once it is inflated may be compressed however well."""

GZIP_OR_ZLIB = zlib.MAX_WBITS | 32
ENCODINGS = frozenset({b"gzip", b"x-gzip", b"deflate"})
PLAIN = frozenset({b"", b"identity"})
UTF8 = frozenset({"utf-8", "utf8", "us-ascii"})

P = ParamSpec("P")
Result = TypeVar("Result")

threads = ThreadPoolExecutor(2, thread_name_prefix="bodies")
large_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()
# mutable: each loop adds the places for its large bodies


class UnsupportedMediaType(Problem):
    """A body in a form that is not read here."""

    status = 415
    title = "Unsupported Media Type"


class BodyTooLarge(Problem):
    """More than this request can have to say."""

    status = 413
    title = "Content Too Large"


class UnreadableBody(Problem):
    """The bytes are not what they are said to be."""

    status = 400
    title = "Bad Request"


def check_json_type(request: Request, other_types: Sequence[str] = ()) -> None:
    """Raises UnsupportedMediaType unless the body is said to be JSON in UTF-8; `other_types` are taken, too.

    No body has no type.
    """
    value = header(request.scope, b"content-type")
    if value == b"application/json" or header(request.scope, b"content-length") == b"0":
        return
    if value is None:
        raise not_json("The body has no Content-Type; send Content-Type: application/json.")
    given, message = value.decode("latin-1"), Message()
    message["content-type"] = given
    kind, charset = message.get_content_type(), message.get_content_charset("utf-8")
    if kind != "application/json" and not (kind.startswith("application/") and kind.endswith("+json")):
        others = "".join(f", {other}" for other in other_types)
        raise not_json(f"The body must be JSON (Content-Type: application/json{others}), not {given[:100]!r}.")
    if charset not in UTF8:
        raise not_json("JSON is UTF-8, in no other charset.")


def not_json(detail: str) -> UnsupportedMediaType:
    """A 415 that says what is taken."""
    return UnsupportedMediaType(detail, headers={"Accept": "application/json"})


async def read_body(request: Request, parse: Callable[[bytes], Result], max_bytes: int = MAX_BYTES) -> Result:
    """What `parse` makes of the body, inflated. Raises what `parse` raises, and the problems above.

    `parse` runs in a thread unless the body is small.
    """
    encoding = (header(request.scope, b"content-encoding") or b"").strip().lower()
    if encoding not in PLAIN and encoding not in ENCODINGS:
        raise UnsupportedMediaType(
            "Content-Encoding is gzip, deflate or none.", headers={"Accept-Encoding": "gzip, deflate"}
        )
    length = declared_length(request)
    if length is not None and length > max_bytes:
        raise too_large(max_bytes)
    if encoding in PLAIN and length is not None and length <= SMALL_BYTES:
        return parse(await small_body(request))
    with holding(request.scope) as hold:
        chunks = await received(request, max_bytes, hold)
        async with place_for_large():
            body = b"".join(chunks)
            chunks.clear()
            if encoding in ENCODINGS:
                body = await in_thread(inflated, body, max_bytes)
            return parse(body) if len(body) <= SMALL_BYTES else await in_thread(parse, body)


async def small_body(request: Request) -> bytes:
    """A body that mostly came with its head: `Request.body` goes through two generators. Raises ClientDisconnect."""
    body, more = b"", True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def in_thread(work: Callable[P, Result], *args: P.args, **kwargs: P.kwargs) -> Result:
    """What the work brings. Raises the problems that it raises."""
    outcome = await asyncio.get_running_loop().run_in_executor(threads, outcome_of, partial(work, *args, **kwargs))
    if not isinstance(outcome, Problem):
        return outcome
    try:
        raise outcome
    finally:
        del outcome  # a frame that holds what it raises lives, with its body, until the next collection


def outcome_of(work: Callable[[], Result]) -> Result | Problem:
    """What the work brings, or its problem, without the frames of the thread: they hold all that was read."""
    try:
        return work()
    except Problem as problem:
        return problem.with_traceback(None)


def declared_length(request: Request) -> int | None:
    """What Content-Length says; None: nothing. The server has checked that it is a number."""
    value = header(request.scope, b"content-length")
    return int(value) if value is not None else None


@asynccontextmanager
async def place_for_large() -> AsyncIterator[None]:
    """A block within which a larger body is parsed. Raises Overloaded when others are for too long."""
    places = large_of_loop.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(LARGE_AT_ONCE))
    try:
        async with asyncio.timeout(LARGE_WAIT_SECONDS):
            await places.acquire()
    except TimeoutError:
        raise Overloaded("Too many large bodies are being parsed.") from None
    try:
        yield
    finally:
        places.release()


async def received(request: Request, max_bytes: int, hold: Callable[[int], None]) -> list[bytes]:
    """The body as it comes. Raises BodyTooLarge, as soon as there is too much of it, and what `hold` raises."""
    chunks, size = list[bytes](), 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > max_bytes:
            raise too_large(max_bytes)
        hold(len(chunk))
        chunks.append(chunk)
    return chunks


def inflated(body: bytes, max_bytes: int = MAX_BYTES) -> bytes:
    """A gzip or zlib stream's content; no more than its bound is ever produced. Raises BodyTooLarge, UnreadableBody."""
    most = min(max_bytes, max(ANY_RATIO_BYTES, MOST_RATIO * len(body)))
    stream = zlib.decompressobj(GZIP_OR_ZLIB)
    try:
        data = stream.decompress(body, most + 1)
    except zlib.error:
        raise UnreadableBody("The body is not what its Content-Encoding says.") from None
    if len(data) > max_bytes:
        raise too_large(max_bytes)
    if len(data) > most:
        raise BodyTooLarge(f"One compressed byte may become {MOST_RATIO} bytes, not more.")
    if not stream.eof or stream.unused_data:
        raise UnreadableBody("The compressed body ends too early, or there is something behind it.")
    return data


def too_large(max_bytes: int) -> BodyTooLarge:
    """A 413 that says the bound."""
    return BodyTooLarge(f"The body may have at most {max_bytes} bytes, inflated.")
