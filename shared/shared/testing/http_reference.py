"""How h11 reads a conversation, and what a server made of it."""

import asyncio
import hashlib
from typing import NamedTuple

import h11

ANSWER = h11.Response(status_code=200, headers=[("content-length", "0")])
PATIENCE_SECONDS = 20
INTERIM = b"HTTP/1.1 100 Continue\r\n\r\n"


class Reading(NamedTuple):
    """One request."""

    method: str
    target: str
    version: str
    headers: tuple[tuple[str, str], ...]
    body: str
    """SHA-256 of it."""


class Conversation(NamedTuple):
    """What h11 makes of some bytes."""

    requests: list[Reading]
    begun: Reading | None
    """One more, whose body does not come to its end."""
    waits: bool
    """Whether more bytes are awaited."""


def reading_of(data: bytes) -> Conversation:
    """The requests in these bytes, each answered at once, until h11 refuses, closes or waits for more."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=1 << 20)
    connection.receive_data(data)
    requests: list[Reading] = []
    begun: Reading | None = None
    body = b""
    while True:
        try:
            event = connection.next_event()
            if isinstance(event, h11.Request):
                begun, body = reading(event), b""
            elif isinstance(event, h11.Data):
                body += event.data
            elif isinstance(event, h11.EndOfMessage) and begun is not None:
                requests.append(begun._replace(body=hashlib.sha256(body).hexdigest()))
                begun = None
                connection.send(ANSWER)
                connection.send(h11.EndOfMessage())
                if connection.states != {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE}:
                    return Conversation(requests, begun, waits=False)
                connection.start_next_cycle()
            else:
                return Conversation(requests, begun, waits=True)
        except h11.ProtocolError:
            return Conversation(requests, begun, waits=False)


def reading(request: h11.Request) -> Reading:
    """The head of a request."""
    headers = tuple((name.decode(), value.decode("latin-1")) for name, value in request.headers)
    return Reading(request.method.decode(), request.target.decode(), request.http_version.decode(), headers, "")


class Response(NamedTuple):
    """What came back for one request."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def closes(self) -> bool:
        """Whether it says that the connection ends with it."""
        return self.headers.get("connection") == "close"


async def converse(port: int, segments: list[bytes], expected: Conversation) -> list[Response]:
    """Sends the segments and reads until the server closes.

    Where h11 waits for more, so may the server: then this side ends the stream once all answers are here.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            sender = asyncio.create_task(send(writer, segments))
            responses: list[Response] = []
            methods = [request.method for request in expected.requests]
            while len(responses) < len(methods) or not expected.waits:
                response = await next_response(reader, methods[len(responses)] if len(responses) < len(methods) else "")
                if response is None:
                    return responses
                responses.append(response)
            await sender
            writer.write_eof()
            if (response := await next_response(reader, "")) is not None:
                responses.append(response)
            return responses
    finally:
        writer.transport.abort()


async def send(writer: asyncio.StreamWriter, segments: list[bytes]) -> None:
    """One after the other, each on its own."""
    try:
        for segment in segments:
            writer.write(segment)
            await writer.drain()
            await asyncio.sleep(0.001)
    except ConnectionError:
        pass  # the server has refused and closed


async def next_response(reader: asyncio.StreamReader, method: str) -> Response | None:
    """The next final response; None at the end of the stream."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        while head == INTERIM:
            head = await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head[:-4].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split()[1])
    response = Response(status, headers, b"")
    try:
        return response._replace(body=await body_of(reader, method, status, headers))
    except asyncio.IncompleteReadError as cut:
        if response.closes and not cut.partial:
            return response  # a refusal to a HEAD that h11 does not take for one
        raise


async def body_of(reader: asyncio.StreamReader, method: str, status: int, headers: dict[str, str]) -> bytes:
    """The content of a response."""
    if method == "HEAD" or status in (204, 304):
        return b""
    if "content-length" in headers:
        return await reader.readexactly(int(headers["content-length"]))
    body = b""
    while size := int(await reader.readline(), 16):
        body += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return body
