"""Spans in OpenTelemetry's own types, sent by its own exporter, which reads OTEL_EXPORTER_OTLP_* by itself.

Endpoint and headers are settings of ours, which may stand in `.env` or in a file.

Imported only where traces are asked for: it takes a third of a second.
"""

from collections.abc import Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.util.re import parse_env_headers

from shared.tracing.span import Span

TRACES_PATH = "/v1/traces"
"""Below the endpoint (OTLP specification)."""

SCOPE = InstrumentationScope("modelserver")
SAMPLED = TraceFlags(TraceFlags.SAMPLED)


class OtlpSender:
    """Sends the spans of one service to one receiver."""

    def __init__(self, endpoint: str, service: str, version: str, headers: str | None = None) -> None:
        self._resource = Resource.create({"service.name": service, "service.version": version})
        self._exporter = OTLPSpanExporter(
            endpoint.rstrip("/") + TRACES_PATH, headers=parse_env_headers(headers, liberal=True) if headers else None
        )

    def send(self, spans: Sequence[Span]) -> bool:
        """Whether they arrived, after as many attempts as OTEL_EXPORTER_OTLP_TIMEOUT has room for."""
        return self._exporter.export([self._readable(span) for span in spans]) is SpanExportResult.SUCCESS

    def _readable(self, span: Span) -> ReadableSpan:
        attributes = {**span.attributes, "error.type": span.error} if span.error else span.attributes
        return ReadableSpan(
            span.name,
            context=context_of(span.trace_id, span.span_id, is_remote=False),
            parent=context_of(span.trace_id, span.parent_id, is_remote=span.is_server) if span.parent_id else None,
            resource=self._resource,
            attributes=attributes,
            kind=kind_of(span),
            status=Status(StatusCode.ERROR) if span.error else Status(),
            start_time=span.start_ns,
            end_time=span.end_ns,
            instrumentation_scope=SCOPE,
        )


def context_of(trace_id: str, span_id: str, *, is_remote: bool) -> SpanContext:
    """The ids as the SDK has them."""
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote, SAMPLED)


def kind_of(span: Span) -> SpanKind:
    """Who works for whom in it."""
    if span.is_server:
        return SpanKind.SERVER
    return SpanKind.CLIENT if span.is_client else SpanKind.INTERNAL
