"""One connection: what has arrived, what is awaited, and until when."""

import asyncio
from math import inf
from typing import TYPE_CHECKING, Any

from shared.http.server.body import Body, body_of
from shared.http.server.exchange import BODY_HIGH_WATER, Exchange
from shared.http.server.incoming import END_OF_HEAD, Incoming
from shared.http.server.outgoing import Outgoing
from shared.http.server.phase import BODY, CLOSED, HEAD, LINGER, RESPONSE
from shared.http.server.refusal import CUTS, Refused, refusal_response
from shared.http.server.request_head import parse_head, tell_what_is_readable
from shared.http.server.scope import connection_scope, request_scope

if TYPE_CHECKING:
    from shared.http.server.door import Door

LINGER_SILENCE_SECONDS = 5.0
"""While lingering, nothing has come for so long: the client has read the response, or never will. As nginx has it."""


class Connection(asyncio.Protocol):
    """Takes one request after the other to an exchange; the next is not looked at before the response is sent."""

    incoming: Incoming
    outgoing: Outgoing

    def __init__(self, door: "Door", loop: asyncio.AbstractEventLoop) -> None:
        self._door, self.loop, self._bounds = door, loop, door.bounds
        self._phase = HEAD
        self._body: Body | None = None
        self._exchange: Exchange | None = None
        self._closing = False
        self._linger_until = self.due = inf
        self._came = 0  # of a body, when last somebody looked whether its sender reads
        self.peer = ""
        self._scope: dict[str, Any] = {}

    # What the transport tells

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # it is one
        """Somebody has connected."""
        self.incoming = Incoming(transport, self._bounds)
        self.outgoing = Outgoing(transport, self._bounds, self.loop)
        self._scope = connection_scope(transport)
        self.peer = self._scope["client"][0] if self._scope["client"] else ""
        self.due = self.loop.time() + self._bounds.first_byte_seconds
        try:
            self._door.enter(self)
        except Refused as refused:
            self.refuse(refused)

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._phase, self.due = CLOSED, inf
        self._door.leave(self)
        self.incoming.waiting.clear()
        self.outgoing.lose()
        if self._exchange is not None and not self._exchange.complete:
            self._exchange.lose()

    def eof_received(self) -> None:
        """The client will send nothing more: it has left. The transport closes itself."""

    def pause_writing(self) -> None:
        """The client reads more slowly than the response is written."""
        self.outgoing.pause()

    def resume_writing(self) -> None:
        """The client has taken what was written."""
        self.outgoing.resume()

    def data_received(self, data: bytes) -> None:
        """Bytes have arrived."""
        phase = self._phase
        if phase is HEAD:
            if not self.incoming.waiting:
                end = data.find(END_OF_HEAD) + 4
                if end > 3:
                    self._begin(data[:end], data[end:])
                    return
                self.due = self.loop.time() + self._bounds.head_seconds
            self.incoming.waiting += data
            self._look_for_head()
        elif phase is BODY:
            self.incoming.moved += len(data)
            self.incoming.came += len(data)
            self.incoming.waiting += data
            self._read_body()
        elif phase is RESPONSE:
            self.incoming.waiting += data
            self.incoming.hold()
        elif phase is LINGER:
            self.incoming.moved += len(data)
            self._drop()

    # Requests

    def _look_for_head(self) -> None:
        """In what has arrived so far."""
        try:
            head = self.incoming.take_head()
        except Refused as refused:
            self.refuse(refused)
            return
        if head is not None:
            self._begin(head, b"")

    def _begin(self, head: bytes, rest: bytes) -> None:
        """A head is here, and perhaps more behind it."""
        try:
            self.incoming.bound_head(len(head))
            request = parse_head(head, self._door.hosts, self._bounds.max_head_fields)
        except Refused as refused:
            tell_what_is_readable(refused, head)
            self.refuse(refused)
            return
        exchange = self._exchange = Exchange(self, request)
        self.due = inf
        if request.length == len(rest) and not self.incoming.waiting:
            self._phase = RESPONSE
            exchange.feed([rest] if rest else [], complete=True)
        else:
            self._phase, self.incoming.moved = BODY, 0
            self.incoming.waiting += rest
            self._body = body_of(request.length, self._bounds.max_trailer_bytes)
            self.due = self.loop.time() + self._bounds.progress_seconds
            self._read_body()
            if self._exchange is None:  # what came behind the head was no body
                return
        exchange.running = True
        self._door.start(self.loop, exchange.run(self._door.app, request_scope(self._scope, request, self._door.state)))

    def _read_body(self) -> None:
        """From what has arrived so far."""
        body, exchange = self._body, self._exchange
        if body is None or exchange is None:
            return
        try:
            content = body.take(self.incoming.waiting)
        except Refused as refused:
            self.refuse(refused)
            return
        exchange.feed(content, complete=body.complete)
        if body.complete:
            self._body, self.due, self._phase = None, inf, RESPONSE
            if exchange.complete:
                self._next()
            else:
                self.incoming.hold()
            return
        if exchange.complete or exchange.unwanted:
            self._drop()
        elif body.pending or exchange.waiting_bytes > BODY_HIGH_WATER:
            self.incoming.pause()
        if body.pending:
            self.loop.call_soon(self._read_pending)

    def _read_pending(self) -> None:
        """In another turn, what was left in one."""
        exchange = self._exchange
        if self._phase is BODY and exchange is not None and exchange.waiting_bytes <= BODY_HIGH_WATER:
            self.incoming.resume()
            self._read_body()

    def read_on(self) -> None:
        """The application waits for more of the body."""
        exchange = self._exchange
        if self._phase is not BODY or exchange is None:
            return
        if exchange.wants_continue and not exchange.started:
            exchange.wants_continue = False
            self.outgoing.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.incoming.reading:
            self.incoming.moved, self.due = 0, self.loop.time() + self._bounds.progress_seconds
            self.incoming.resume()
            self._read_body()

    # Responses

    def date(self) -> bytes:
        """The Date header line."""
        return self._door.date()

    def may_stay(self) -> bool:
        """Whether the connection can be used again after a response that begins now."""
        exchange = self._exchange
        if self._closing or exchange is None:
            return False
        if exchange.body_complete:
            return True
        return self._body is not None and self._body.left <= BODY_HIGH_WATER and not exchange.wants_continue

    def drops_first(self, exchange: Exchange) -> bool:
        """Whether a whole response waits for the rest of its request, which is dropped.

        A proxy that gets a response while it sends stops reading from its client, and closes: most clients then see
        a broken pipe and no response. A client of our own reads the response while we linger.
        """
        if exchange.wants_continue or self._phase is not BODY or not self._door.is_proxy(self.peer):
            return False
        self.incoming.moved, self._linger_until = 0, self.loop.time() + self._bounds.linger_seconds
        self._drop()
        return True

    def response_complete(self, *, keep_alive: bool) -> None:
        """The last byte of a response was written."""
        if self._phase is RESPONSE and keep_alive:
            self._next()
        elif self._phase is BODY and keep_alive:
            self.incoming.moved, self._linger_until = 0, self.loop.time() + self._bounds.linger_seconds
            self.incoming.resume()
            self._drop()
            self._read_body()
        elif self._phase is RESPONSE and self._closing and not self.incoming.waiting:
            self._close()
        elif self._phase in (BODY, RESPONSE):
            self._linger()  # more may be on its way behind the request

    def _next(self) -> None:
        """The next request, which may be here already."""
        self._exchange, self._phase = None, HEAD
        if self._closing:
            self._close()
            return
        self.incoming.resume()
        if self.incoming.waiting:
            self.due = self.loop.time() + self._bounds.head_seconds
            self._look_for_head()
        else:
            self.due = self.loop.time() + self._bounds.idle_seconds

    # Endings

    def refuse(self, refused: Refused) -> None:
        """Responds with the reason and takes no more requests; a response that has begun is cut."""
        exchange, self._exchange = self._exchange, None
        if exchange is not None and exchange.complete:
            self._linger()  # the response has been sent; what is wrong came behind it
            return
        if exchange is not None:
            if exchange.begun:
                exchange.lose()
                self.cut(told=False)
                return
            exchange.refuse(refused)
        self.outgoing.write(refusal_response(refused, self.peer, recorded=exchange is not None and exchange.running))
        self._linger()

    def cut(self, *, told: bool) -> None:
        """Ends a response in its middle. Where its end is `told`, what was written still goes out."""
        CUTS.by_labels[("response",)] += 1
        if told and self._phase is BODY:
            self._linger()
        elif told:
            self._close()
        else:
            self.abort()

    def shutdown(self) -> None:
        """The server stops: this connection ends with the response that is under way, or now."""
        self._closing = True
        if self._phase in (HEAD, LINGER):
            self._close()

    def _linger(self) -> None:
        """Sends the end of the stream and reads on for a while, so that the client can read what was written.

        Closed with bytes that nobody read, the kernel would reset the connection, and the response be lost.
        """
        self._phase, self.incoming.moved = LINGER, 0
        self._linger_until = self.loop.time() + self._bounds.linger_seconds
        self.incoming.waiting.clear()
        self.outgoing.end_stream()
        self.incoming.resume()
        self._drop()

    def _drop(self) -> None:
        """Reads and drops what comes, within bounds: those of lingering."""
        if self.incoming.moved <= self._bounds.linger_bytes:
            self.due = min(self.loop.time() + LINGER_SILENCE_SECONDS, self._linger_until)
        elif self._exchange is not None and self._exchange.unwanted:
            self._exchange.answer_now()
        else:
            self.abort()

    def _close(self) -> None:
        """Ends the connection once the client has taken what was written."""
        self._phase, self.due = CLOSED, inf
        self.outgoing.close()

    def abort(self) -> None:
        """Ends the connection now."""
        self._phase, self.due = CLOSED, inf
        self.outgoing.abort()

    def overdue(self, now: float) -> None:
        """The time of the phase is over, or that of a client that does not read."""
        if self.outgoing.due <= now and not self._still_sends():
            self.outgoing.overdue()
        if self.due > now:
            return
        if self._phase is HEAD and self.incoming.waiting:
            seconds = self._bounds.head_seconds
            refused = Refused(408, "slow_head", f"The head did not arrive within {seconds:g} s.")
            tell_what_is_readable(refused, bytes(self.incoming.waiting))
            self.refuse(refused)
        elif self._phase is BODY and self._exchange is not None and not self._exchange.complete:
            self._look_at_progress(self._exchange, now)
        elif self._phase is HEAD or self.outgoing.unread:
            self._close()
        else:
            self.abort()

    def _still_sends(self) -> bool:
        """Whether the client goes on with its body before it reads what is already there; then it has more time."""
        came, self._came = self.incoming.came - self._came, self.incoming.came
        if self._phase is BODY and came >= self._bounds.progress_bytes:
            self.outgoing.watch()
            return True
        return False

    def _look_at_progress(self, exchange: Exchange, now: float) -> None:
        """Refuses a body that comes too slowly, unless it is we who do not read."""
        if exchange.unwanted:
            self.due = inf
            exchange.answer_now()
            return
        seconds, least = self._bounds.progress_seconds, self._bounds.progress_bytes
        if self.incoming.reading and not exchange.wants_continue and self.incoming.moved < least:
            self.refuse(Refused(408, "slow_body", f"Less than {least} bytes of the body came within {seconds:g} s."))
        else:
            self.incoming.moved, self.due = 0, now + seconds
