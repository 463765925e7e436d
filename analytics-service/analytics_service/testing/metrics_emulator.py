"""A server that speaks the metrics-service's contract, with numbers that the test sets."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel

from analytics_service.metrics_client.facts import (
    Baselines,
    Quality,
    SeenAlerts,
    SeenKey,
    SeenRollouts,
    SeenVersionOfKey,
)
from analytics_service.testing.local_server import LocalServer
from shared.asyncio.clock import UtcNow, utc_now
from shared.contracts.aggregates import AggregatedMetrics, MetricsQuery
from shared.contracts.drift import DriftMeasure, DriftQuery, DriftReport, DriftStatus
from shared.contracts.rights import Right, may
from shared.contracts.thresholds import Status, ThresholdProfile
from shared.http.key_holder import opened

PSI = {
    DriftStatus.STABLE: 0.02,
    DriftStatus.MODERATE: 0.15,
    DriftStatus.SIGNIFICANT: 0.4,
    DriftStatus.NOT_ENOUGH_DATA: None,
}
"""A population stability index within each band."""


class MetricsExchange(BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    emulator: "MetricsEmulator"
    asked_about: str | None

    def do_POST(self) -> None:
        """`/metrics/aggregated`, `/metrics/drift`, `/metrics/quality`."""
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.asked_about = json.loads(body).get("model_name")
        responses: dict[str, Callable[[], BaseModel]] = {
            "/metrics/aggregated": lambda: self.emulator.aggregated(MetricsQuery.model_validate_json(body)),
            "/metrics/drift": lambda: self.emulator.drifted(DriftQuery.model_validate_json(body)),
            "/metrics/quality": lambda: self.emulator.quality,
        }
        self.respond(responses[self.path]())

    def do_GET(self) -> None:
        """`/metrics/thresholds`, `/metrics/alerts`, `/metrics/baselines`, `/metrics/rollouts`, `/metrics/keys`."""
        url = urlsplit(self.path)
        asked = {name: value for name, (value,) in parse_qs(url.query).items()}
        model_name = self.asked_about = asked.get("model_name")
        responses: dict[str, Callable[[], BaseModel]] = {
            "/metrics/thresholds": lambda: self.emulator.thresholds.model_copy(update={"model_name": model_name}),
            "/metrics/alerts": lambda: self.emulator.alerts,
            "/metrics/baselines": lambda: self.emulator.baselines,
            "/metrics/rollouts": lambda: self.emulator.rollouts,
            "/metrics/keys": lambda: self.emulator.of_key(asked),
        }
        if url.path == "/metrics/keys" and not self.may_read_the_record():
            self.send(401, b'{"title": "Unauthorized", "status": 401}', "application/problem+json")
        else:
            self.respond(responses[url.path]())

    def may_read_the_record(self) -> bool:
        """Whether a key with the right `read` was shown, sealed as the gateway does it, or the admin token."""
        shown = {name.lower(): value for name, value in self.headers.items()}
        self.emulator.shown.append({name: shown[name] for name in ("x-key-holder", "authorization") if name in shown})
        if "x-key-holder" in shown:
            return may(opened(shown["x-key-holder"].encode(), self.emulator.token).rights, Right.READ)
        return shown.get("authorization") == f"Bearer {self.emulator.token}"

    def respond(self, body: BaseModel) -> None:
        """Sends the body, or whatever the test wants to go wrong."""
        status, content, kind = 200, body.model_dump_json().encode(), "application/json"
        if self.emulator.fails_with:
            status, content = self.emulator.fails_with, b"{}"
        elif refusal := self.emulator.refuses_with:
            problem = {"title": "Unprocessable Content", "status": 422} | refusal
            status, content = 422, json.dumps(problem).encode()
        elif self.emulator.knows is not None and self.asked_about not in {None, *self.emulator.knows}:
            detail = f"No model is called {self.asked_about!r}."
            problem = {
                "type": "urn:problem-type:unknown-model",
                "title": "Unknown Model",
                "status": 404,
                "detail": detail,
            }
            status, content, kind = 404, json.dumps(problem).encode(), "application/problem+json"
        self.send(status, content, kind)

    def send(self, status: int, content: bytes, kind: str) -> None:
        """A response."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Says nothing."""


class MetricsEmulator(LocalServer):
    """`now` is the response for a window that ends now, `before` for one that is named by its end.

    `token`: the admin token, with which holders of keys are sealed.
    """

    def __init__(self, token: str = "") -> None:
        super().__init__()
        self.token = token
        self.now = metrics()
        self.before = metrics()
        self.thresholds = ThresholdProfile()
        self.drift = drift_report({})
        self.pinned = drift_report({})
        """Drift from a baseline."""
        self.baselines = Baselines(baselines=[])
        self.quality = Quality(feedback_count=0, accuracy=None)
        self.alerts = SeenAlerts(alerts=[])
        self.rollouts = SeenRollouts(rollouts=[])
        self.fails_with: int | None = None
        self.refuses_with: dict[str, Any] | None = None
        """What a 422 says."""
        self.knows: set[str] | None = None
        """The models that there are; None: any."""
        self.queries: list[MetricsQuery] = []
        self.keys: dict[str, list[SeenVersionOfKey]] = {}
        """What versions did for a key; of any other it is nothing."""
        self.shown: list[dict[str, str]] = []
        """By which right each question about a key came."""
        self.clock: UtcNow = utc_now

    def handler(self) -> type[BaseHTTPRequestHandler]:
        """Exchanges that know their emulator."""
        return type("MetricsExchange", (MetricsExchange,), {"emulator": self})

    def drifted(self, query: DriftQuery) -> DriftReport:
        """The drift from what a query compares with."""
        return self.pinned.model_copy(update={"baseline": query.baseline}) if query.baseline else self.drift

    def of_key(self, asked: dict[str, str]) -> SeenKey:
        """What a key has in whole hours, up to the one that is under way."""
        end = datetime.fromisoformat(asked["window_end"]) if "window_end" in asked else self.clock()
        until = -(-end.timestamp() // 3600) * 3600
        versions = [
            each for each in self.keys.get(asked["key_id"], [])
            if asked.get("model_name") in (None, each.model_name)
        ]  # fmt: skip
        return SeenKey(
            predictions=sum(each.predictions for each in versions),
            versions=versions,
            time_window_start=datetime.fromtimestamp(until, UTC) - timedelta(hours=int(asked["time_window_hours"])),
            time_window_end=datetime.fromtimestamp(until, UTC),
        )

    def aggregated(self, query: MetricsQuery) -> AggregatedMetrics:
        """The numbers for a query, its window around them."""
        self.queries.append(query)
        end = query.window_end or utc_now()
        numbers = self.before if query.window_end else self.now
        return numbers.model_copy(
            update={
                "time_window_start": end - timedelta(minutes=query.time_window_minutes),
                "time_window_end": end,
                "model_name": query.model_name,
                "task_type": query.task_type,
            }
        )


def drift_report(measured: dict[Literal["label", "confidence", "input_length"], DriftStatus]) -> DriftReport:
    """A comparison of two hours in which these properties were found to be like this."""
    end, width = datetime(2026, 1, 5, 12, tzinfo=UTC), timedelta(hours=1)
    return DriftReport(
        status=max(measured.values(), key=list(DriftStatus).index, default=DriftStatus.STABLE),
        measures=[
            DriftMeasure(
                name=name, status=status, psi=PSI[status], js_distance=0.3, chance_psi=0.01, reference={}, current={}
            )
            for name, status in measured.items()
        ],
        sample_size=400,
        reference_sample_size=400,
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
