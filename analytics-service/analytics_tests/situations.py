"""Facts about two windows, made from what happened in them, so that every number fits the others."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import exp, log

from analytics_service.contracts.question import ReportQuery
from analytics_service.metrics_client.facts import Facts, Quality, SeenAlert, SeenAlerts, State
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics
from shared.contracts.drift import DriftMeasure, DriftReport, DriftStatus
from shared.contracts.thresholds import Breach, Status, ThresholdProfile

END = datetime(2026, 1, 5, 18, tzinfo=UTC)
LENGTHS = {"16-31": 30, "32-63": 50, "64-127": 20}


@dataclass(frozen=True)
class Served:
    """What one version of a model did in a window."""

    labels: Mapping[str, int]
    confidence: float = 0.85
    version: str = "1.0.0"
    model: str = "sentiment"

    @property
    def total(self) -> int:
        return sum(self.labels.values())


@dataclass(frozen=True)
class Times:
    """Percentiles of inference times, in milliseconds."""

    p50: float = 3.0
    p95: float = 8.0
    p99: float = 12.0


@dataclass(frozen=True)
class Window:
    """What happened in a window."""

    served: tuple[Served, ...]
    times: Times = Times()
    lengths: Mapping[str, int] | None = None

    @property
    def labels(self) -> Counter[str]:
        total: Counter[str] = Counter()
        for each in self.served:
            total.update(each.labels)
        return Counter({label: count for label, count in total.items() if count})

    @property
    def total(self) -> int:
        return sum(each.total for each in self.served)

    def confidence(self) -> float | None:
        return sum(each.confidence * each.total for each in self.served) / self.total if self.total else None


def window(*served: Served, times: Times | None = None, lengths: Mapping[str, int] | None = None) -> Window:
    return Window(served, times or Times(), lengths)


def facts(
    now: Window,
    before: Window | None,
    *,
    minutes: int = 60,
    past: bool = False,
    judged: tuple[int, int] | None = None,
    callers: int | None = 5,
    weight: float | None = None,
    baseline: Window | None = None,
    alerts: list[SeenAlert] | None = None,
    thresholds: ThresholdProfile | None = None,
    model: str | None = None,
    version: str | None = None,
    complete: bool = True,
) -> Facts:
    """All that is known; `judged`: how many predictions have feedback, and how many of them were right."""
    profile = thresholds or ThresholdProfile()
    query = ReportQuery(
        time_window_minutes=minutes, window_end=END if past else None, model_name=model, model_version=version
    )
    start = END - timedelta(minutes=minutes)
    current = aggregated(now, start, END, profile, query)
    state = State(query, current, profile)
    previous = aggregated(before, start - timedelta(minutes=minutes), start, profile, query) if before else None
    quality = feedback(judged, callers, weight) if judged and judged[0] else None
    seen = None if alerts is None else SeenAlerts(alerts=alerts, complete=complete)
    if seen and past:
        seen = seen.within(start, END)
    pinned = None
    if baseline:
        pinned = drift(now, baseline, start).model_copy(
            update={"baseline": "spring", "reference_window_start": None, "reference_window_end": None}
        )
    return Facts(state, previous, drift(now, before, start) if before else None, pinned, quality, seen)


def feedback(judged: tuple[int, int], callers: int | None, weight: float | None) -> Quality:
    """What so many callers said of so many predictions; three and more are independent of each other."""
    count, right = judged
    return Quality(
        feedback_count=count,
        weight=weight,
        accuracy=right / count,
        callers=callers,
        is_independent=(callers or 0) >= 3,
    )


def aggregated(
    window: Window, start: datetime, end: datetime, thresholds: ThresholdProfile, query: ReportQuery
) -> AggregatedMetrics:
    """The numbers of a window and what the thresholds say of them."""
    confidence, times = window.confidence(), window.times if window.total else None
    breaches = []
    for name in ("min_confidence_critical", "min_confidence_warning"):
        if confidence is not None and confidence < getattr(thresholds, name) and not breaches:
            breaches.append(
                Breach(threshold=name, threshold_value=getattr(thresholds, name), measured_value=confidence)
            )
    for name in ("max_inference_time_critical_ms", "max_inference_time_warning_ms"):
        slow = any("inference" in breach.threshold for breach in breaches)
        if times and times.p95 > getattr(thresholds, name) and not slow:
            breaches.append(Breach(threshold=name, threshold_value=getattr(thresholds, name), measured_value=times.p95))
    worst = Status.CRITICAL if any("critical" in breach.threshold for breach in breaches) else Status.WARNING
    return AggregatedMetrics(
        total_predictions=window.total,
        average_confidence=confidence,
        average_inference_time_ms=times.p50 if times else None,
        min_inference_time_ms=times.p50 / 3 if times else None,
        max_inference_time_ms=times.p99 * 2 if times else None,
        p50_inference_time_ms=times.p50 if times else None,
        p95_inference_time_ms=times.p95 if times else None,
        p99_inference_time_ms=times.p99 if times else None,
        label_distribution=dict(window.labels),
        versions=sorted(
            (
                VersionMetrics(
                    model_name=each.model,
                    model_version=each.version,
                    total_predictions=each.total,
                    average_confidence=each.confidence,
                    label_distribution=dict(each.labels),
                )
                for each in window.served
                if each.total
            ),
            key=lambda each: -each.total_predictions,
        ),
        model_name=query.model_name,
        model_version=query.model_version,
        status=worst if breaches else Status.NORMAL,
        breaches=breaches,
        time_window_start=start,
        time_window_end=end,
    )


def drift(now: Window, before: Window, start: datetime) -> DriftReport:
    """The distributions of both windows compared; confidences lie within a tenth of their version's average."""
    lengths = [scaled(window.lengths or LENGTHS, window.total) for window in (before, now)]
    measures = [
        measure("label", before.labels, now.labels),
        measure("confidence", confidences(before), confidences(now)),
        measure("input_length", *lengths),
    ]
    order = ("stable", "slight", "not_enough_data", "moderate", "significant")
    width = END - start
    return DriftReport(
        status=max((each.status for each in measures), key=order.index),
        measures=measures,
        sample_size=now.total,
        reference_sample_size=before.total,
        versions=versions(now),
        reference_versions=versions(before),
        time_window_start=start,
        time_window_end=END,
        reference_window_start=start - width,
        reference_window_end=start,
    )


def versions(window: Window) -> dict[str, int]:
    """Predictions by version, as a drift report has them: whatever the model."""
    found: Counter[str] = Counter()
    for each in window.served:
        found[each.version] += each.total
    return {version: count for version, count in found.items() if count}


def measure(name: str, before: Mapping[str, int], now: Mapping[str, int]) -> DriftMeasure:
    """Population stability index with half a count added, in the usual bands, where chance does not explain it."""
    n, m = sum(before.values()), sum(now.values())
    sides = [(before, n), (now, m)]
    shares = [{key: count / total for key, count in counts.items()} for counts, total in sides if total]
    if not n or not m:
        return DriftMeasure(
            name=name, status=DriftStatus.NOT_ENOUGH_DATA, psi=None, js_distance=None, chance_psi=None,
            reference=shares[0] if n else {}, current=shares[-1] if m else {},
        )  # fmt: skip
    bins = before.keys() | now.keys()
    p = {key: (before.get(key, 0) + 0.5) / (n + 0.5 * len(bins)) for key in bins}
    q = {key: (now.get(key, 0) + 0.5) / (m + 0.5 * len(bins)) for key in bins}
    psi = sum((q[key] - p[key]) * log(q[key] / p[key]) for key in bins)
    expected = (1 / n + 1 / m) * max(len(bins) - 1, 0)
    chance = 2.5 * expected
    excess = psi - expected
    status = DriftStatus.STABLE if psi > chance or chance < 0.5 else DriftStatus.NOT_ENOUGH_DATA
    if psi > chance:
        bands = [(0.25, DriftStatus.SIGNIFICANT), (0.1, DriftStatus.MODERATE), (0.01, DriftStatus.SLIGHT)]
        status = next((band for least, band in bands if excess >= least), DriftStatus.STABLE)
    return DriftMeasure(
        name=name, status=status, psi=psi, js_distance=0.1, chance_psi=chance, expected_psi=expected,
        p_value=0.0001 if psi > chance else 0.3, certainty=0.9999 if psi > chance else 0.7,
        reference=shares[0], current=shares[1],
    )  # fmt: skip


def confidences(window: Window) -> Counter[str]:
    """Each version's confidences, in the shape of a bell around its average."""
    found: Counter[str] = Counter()
    for each in window.served:
        weights = [exp(-(((low + 0.5) / 20 - each.confidence) ** 2) / (2 * 0.08**2)) for low in range(20)]
        counts = scaled({str(low): round(1e6 * weight) for low, weight in enumerate(weights)}, each.total)
        for low, count in counts.items():
            found[f"{int(low) / 20:.2f}-{(int(low) + 1) / 20:.2f}"] += count
    return found


def scaled(shares: Mapping[str, int], total: int) -> Counter[str]:
    """So many inputs, distributed like that."""
    whole = sum(shares.values())
    counts = {key: share * total // whole for key, share in shares.items()}
    first = max(shares, key=lambda key: shares[key])
    counts[first] += total - sum(counts.values())
    return Counter({key: count for key, count in counts.items() if count})
