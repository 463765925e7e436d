"""Whose trace a request belongs to: what came in `traceparent` (W3C Trace Context), and what goes on to other services.

`begin_trace` is asked once per request. While nobody traces, a valid header is passed on as it came.
"""

import re
from contextvars import ContextVar
from typing import NamedTuple

from shared.tracing.ids import new_id
from shared.tracing.sampler import Sampler
from shared.tracing.span import Span, current_span

TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""Version 00's form."""

NO_TRACE, NO_SPAN = "0" * 32, "0" * 16
"""Ids that are none."""

SAMPLED = 1
"""The flag that says so."""

_passed_on: ContextVar[str] = ContextVar("traceparent", default="")


class Tracing:
    """Whether this process traces. `sampler`: which requests; None: nobody asked for traces."""

    def __init__(self) -> None:
        self.sampler: Sampler | None = None


tracing = Tracing()  # mutable: start_tracing sets the sampler, once


class Parent(NamedTuple):
    """Who asked: `traceparent` in parts. `span_id`: empty, and `is_sampled` None, when nobody said so."""

    trace_id: str
    span_id: str
    is_sampled: bool | None


def begin_trace(header: bytes | None) -> Span | None:
    """The span of a new request, current from now on; None when there is none to record."""
    given = header.decode() if header and TRACEPARENT.fullmatch(header) else ""
    if tracing.sampler is None:
        _passed_on.set(given)
        return None
    parent = parent_of(given)
    if parent is None:
        ids = new_id(192)
        given, parent = f"00-{ids[:32]}-{ids[32:]}-00", Parent(ids[:32], "", None)
    is_sampled = tracing.sampler.samples(parent.trace_id, parent=parent.is_sampled)
    span = Span("", parent.trace_id, parent.span_id, is_server=True) if is_sampled else None
    current_span.set(span)
    _passed_on.set(given[:-2] + ("01" if is_sampled else "00"))
    return span


def parent_of(traceparent: str) -> Parent | None:
    """What a traceparent of the right form says; None when its ids are none, or it is no version that there is."""
    if not traceparent or traceparent.startswith("ff"):
        return None
    trace_id, span_id, flags = traceparent[3:35], traceparent[36:52], int(traceparent[53:], 16)
    if trace_id == NO_TRACE or span_id == NO_SPAN:
        return None
    return Parent(trace_id, span_id, bool(flags & SAMPLED))


def traceparent() -> str:
    """The header for what is asked of another service now; empty when there is none."""
    span = current_span.get()
    return _passed_on.get() if span is None else span.traceparent


def current_trace_id() -> str:
    """The trace of the request in whose context this is; empty when it is in none."""
    return _passed_on.get()[3:35]
