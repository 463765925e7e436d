"""Spans: what was done within a request, from when to when. Only those of sampled requests are made.

By hand and not by the SDK's tracer, because every request of every service passes here, and the SDK takes 20 times as
long to find out that a request is not traced (docs/decisions/0035). Names and attributes are OpenTelemetry's.
"""

from collections.abc import Callable
from contextvars import ContextVar, Token
from time import time_ns
from types import TracebackType
from typing import Self

from shared.tracing.ids import new_id

Value = str | bool | int | float


class Spans:
    """Where ended spans go: nowhere, until somebody exports them."""

    def __init__(self) -> None:
        self.put: Callable[[Span], None] = forget


def forget(span: "Span") -> None:
    """Nobody exports."""


class Span:
    """One span of a sampled request. `with` it is the current one, and its time is that of the block.

    Times are nanoseconds since 1970. `error`: the kind of what went wrong; empty when nothing did.
    """

    __slots__ = (
        "_token",
        "attributes",
        "end_ns",
        "error",
        "is_client",
        "is_server",
        "name",
        "parent_id",
        "span_id",
        "start_ns",
        "trace_id",
    )

    def __init__(
        self, name: str, trace_id: str, parent_id: str, *, is_server: bool = False, is_client: bool = False
    ) -> None:
        self.name, self.trace_id, self.parent_id = name, trace_id, parent_id
        self.is_server, self.is_client = is_server, is_client
        self.span_id = new_id(64)
        self.attributes: dict[str, Value] = {}
        self.error = ""
        self.start_ns, self.end_ns = time_ns(), 0
        self._token: Token[Span | None] | None = None

    @property
    def traceparent(self) -> str:
        """The header that makes what is asked now a child of this span."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    def set(self, name: str, value: Value) -> None:
        """An attribute, by a name of OpenTelemetry's semantic conventions where there is one."""
        self.attributes[name] = value

    def fail(self, error: BaseException) -> None:
        """It did not end well. What an error says is not told: texts of clients may be in it."""
        self.error = type(error).__name__

    def end(self, end_ns: int | None = None) -> None:
        """It is over, and goes to whoever exports."""
        self.end_ns = time_ns() if end_ns is None else end_ns
        spans.put(self)

    def child(self, name: str, *, is_client: bool = False) -> "Span":
        """A span within this one, which begins now."""
        return Span(name, self.trace_id, self.span_id, is_client=is_client)

    def __enter__(self) -> Self:
        self._token = current_span.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            current_span.reset(self._token)
        if error is not None:
            self.fail(error)
        self.end()


class NoSpan:
    """In place of a span in a request that is not traced."""

    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __bool__(self) -> bool:
        return False

    def set(self, name: str, value: Value) -> None:
        """Nobody asked."""


spans = Spans()  # mutable: start_tracing says where they go
current_span: ContextVar[Span | None] = ContextVar("current_span", default=None)
NO_SPAN = NoSpan()


def span(name: str, *, is_client: bool = False) -> Span | NoSpan:
    """A span within the current one, to be used by `with`; false, and nothing, when the request is not traced."""
    parent = current_span.get()
    return NO_SPAN if parent is None else parent.child(name, is_client=is_client)
