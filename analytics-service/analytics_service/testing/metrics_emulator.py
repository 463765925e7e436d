"""A server that speaks the metrics-service's contract, with numbers that the test sets."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel

from analytics_service.facts import OpenAlerts, Quality
from analytics_service.testing.local_server import LocalServer
from shared.contracts.metrics import (
    AggregatedMetrics,
    DriftMeasure,
    DriftQuery,
    DriftReport,
    DriftStatus,
    MetricsQuery,
    Status,
    ThresholdProfile,
)


class MetricsExchange(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    emulator: "MetricsEmulator"

    def do_POST(self) -> None:
        """`/metrics/aggregated`, `/metrics/drift`, `/metrics/quality`."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        answers: dict[str, Callable[[], BaseModel]] = {
            "/metrics/aggregated": lambda: self.emulator.aggregated(MetricsQuery.model_validate_json(body)),
            "/metrics/drift": lambda: self.emulator.drift_for(DriftQuery.model_validate_json(body)),
            "/metrics/quality": lambda: self.emulator.quality,
        }
        self.answer(answers[self.path]())

    def do_GET(self) -> None:
        """`/metrics/thresholds`, `/metrics/alerts`."""
        url = urlsplit(self.path)
        (model_name,) = parse_qs(url.query).get("model_name", [None])
        answers: dict[str, BaseModel] = {
            "/metrics/thresholds": self.emulator.thresholds.model_copy(update={"model_name": model_name}),
            "/metrics/alerts": self.emulator.alerts,
        }
        self.answer(answers[url.path])

    def answer(self, body: BaseModel) -> None:
        """Sends the body, or whatever the test wants to go wrong."""
        status = self.emulator.fails_with or 200
        content = (json.dumps({"status": status}) if self.emulator.fails_with else body.model_dump_json()).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class MetricsEmulator(LocalServer):
    """`now` is answered for a window that ends now, `before` for one that ends earlier."""

    def __init__(self) -> None:
        super().__init__()
        self.now = metrics()
        self.before = metrics()
        self.thresholds = ThresholdProfile()
        self.drift: list[DriftMeasure] = []
        self.quality = Quality(feedback_count=0, accuracy=None)
        self.alerts = OpenAlerts(alerts=[])
        self.fails_with: int | None = None
        self.queries: list[MetricsQuery] = []

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Exchanges that know their emulator."""
        return type("MetricsExchange", (MetricsExchange,), {"emulator": self})

    def aggregated(self, query: MetricsQuery) -> AggregatedMetrics:
        """The numbers for a query, its window around them."""
        self.queries.append(query)
        end = query.window_end or datetime.now(UTC)
        numbers = self.before if query.window_end else self.now
        return numbers.model_copy(
            update={
                "time_window_start": end - timedelta(minutes=query.time_window_minutes),
                "time_window_end": end,
                "model_name": query.model_name,
                "task_type": query.task_type,
            }
        )

    def drift_for(self, query: DriftQuery) -> DriftReport:
        """The measures that the test set, about the windows that were asked for."""
        end, width = query.window_end or datetime.now(UTC), timedelta(minutes=query.time_window_minutes)
        return DriftReport(
            status=max((measure.status for measure in self.drift), default=DriftStatus.STABLE),
            measures=self.drift,
            sample_size=self.now.total_predictions,
            reference_sample_size=self.before.total_predictions,
            time_window_start=end - width,
            time_window_end=end,
            reference_window_start=end - 2 * width,
            reference_window_end=end - width,
        )


def metrics(total: int = 400, confidence: float = 0.8, p95: float = 20.0, **changes: object) -> AggregatedMetrics:
    """Plausible numbers."""
    end = datetime(2026, 1, 5, 12, tzinfo=UTC)
    numbers = AggregatedMetrics(
        total_predictions=total,
        average_confidence=confidence,
        average_inference_time_ms=p95 / 2,
        min_inference_time_ms=1.0,
        max_inference_time_ms=p95 * 1.5,
        p50_inference_time_ms=p95 / 2,
        p95_inference_time_ms=p95,
        p99_inference_time_ms=p95 * 1.2,
        label_distribution={"positive": total // 2, "negative": total - total // 2},
        status=Status.NORMAL,
        time_window_start=end - timedelta(hours=1),
        time_window_end=end,
    )
    return numbers.model_copy(update=changes)
