"""A receiver of traces: an HTTP server that reads OTLP with OpenTelemetry's own protocol files."""

import gzip
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared.processes.waiting import wait_until


class Received(NamedTuple):
    """One span. Ids are hexadecimal; `parent_id` is empty at the root."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    start_ns: int
    end_ns: int
    is_error: bool
    attributes: dict[str, Any]

    @classmethod
    def of(cls, service: str, span: Span) -> "Received":
        """The span as it came over the wire."""
        return cls(
            service, span.name, span.kind, span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex(),
            span.start_time_unix_nano, span.end_time_unix_nano, span.status.code == 2, attributes_of(span.attributes),
        )  # fmt: skip


class OtlpReceiver:
    """`with` it listens. While `takes` is false it refuses what comes; `requests` counts either."""

    def __init__(self) -> None:
        self.spans: list[Received] = []
        self.takes, self.requests = True, 0
        self.headers: dict[str, str] = {}
        """Of the last request."""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.requests += 1
                receiver.headers = {name.lower(): value for name, value in self.headers.items()}
                if receiver.takes:
                    receiver.take(gzip.decompress(body) if self.headers["content-encoding"] == "gzip" else body)
                right = self.path == "/v1/traces" and self.headers["content-type"] == "application/x-protobuf"
                self.send_response((200 if receiver.takes else 400) if right else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def take(self, body: bytes) -> None:
        """Keeps the spans of one request."""
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = attributes_of(resource.resource.attributes)["service.name"]
            for scope in resource.scope_spans:
                self.spans += [Received.of(service, span) for span in scope.spans]

    def of_trace(self, trace_id: str) -> list[Received]:
        """What has arrived of a trace."""
        return [span for span in list(self.spans) if span.trace_id == trace_id]

    def wait_for(self, trace_id: str, *names: str) -> dict[str, Received]:
        """The spans of a trace by `service: name`, once all of these have arrived."""

        def found() -> dict[str, Received]:
            return {f"{span.service}: {span.name}": span for span in self.of_trace(trace_id)}

        try:
            wait_until(lambda: found().keys() >= set(names), "spans")
        except TimeoutError as error:
            raise AssertionError(f"missing: {set(names) - found().keys()}; there are {sorted(found())}") from error
        return found()


def attributes_of(pairs: Any) -> dict[str, Any]:
    """Attributes as they were set."""
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in pairs}
