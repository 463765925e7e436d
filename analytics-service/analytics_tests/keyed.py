"""Facts about one key beside all callers, made from what each of them got, so that every number fits the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from analytics_service.contracts.question import ReportQuery
from analytics_service.metrics_client.facts import Facts, SeenKey, SeenVersionOfKey, State
from analytics_service.testing.metrics_emulator import metrics as numbers
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics
from shared.contracts.thresholds import ThresholdProfile

SHOP, OTHER = UUID("e03955ab-ddb8-4581-882d-0d46a027e8d9"), UUID("0b5a2f0e-4c0a-4c55-8b2f-6a7c7c7f0a11")
END = datetime(2026, 1, 5, 18, tzinfo=UTC)


@dataclass(frozen=True)
class Got:
    """What somebody got from one version of a model."""

    predictions: int
    confidence: float | None = 0.8
    time_ms: float = 10.0
    version: str = "1.0.0"
    model: str = "sentiment"

    @property
    def name(self) -> tuple[str, str]:
        return self.model, self.version


def seen(parts: Sequence[Got]) -> list[SeenVersionOfKey]:
    """As the metrics-service tells them of a key."""
    return [
        SeenVersionOfKey(
            model_name=each.model,
            model_version=each.version,
            predictions=each.predictions,
            average_confidence=each.confidence,
            average_inference_time_ms=each.time_ms,
        )
        for each in sorted(parts, key=lambda each: -each.predictions)
        if each.predictions
    ]


def added_up(own: Sequence[Got], others: Sequence[Got]) -> list[VersionMetrics]:
    """By version, of all callers."""
    found = []
    for name in dict.fromkeys(each.name for each in (*own, *others)):
        parts = [each for each in (*own, *others) if each.name == name]
        total = sum(each.predictions for each in parts)
        sure = [each for each in parts if each.confidence is not None]
        if total:
            found.append(
                VersionMetrics(
                    model_name=name[0],
                    model_version=name[1],
                    total_predictions=total,
                    average_confidence=sum((each.confidence or 0) * each.predictions for each in sure) / total
                    if sure
                    else None,
                    average_inference_time_ms=sum(each.time_ms * each.predictions for each in parts) / total,
                    label_distribution={"positive": total},
                )
            )
    return sorted(found, key=lambda each: -each.total_predictions)


def everybody(own: Sequence[Got], others: Sequence[Got], slowest: float = 100.0) -> AggregatedMetrics:
    """The numbers of all callers, with all that a window has."""
    versions = added_up(own, others)
    total = sum(each.total_predictions for each in versions)
    sure = [each for each in versions if each.average_confidence is not None]
    average = sum((each.average_inference_time_ms or 0) * each.total_predictions for each in versions)
    return numbers(
        total,
        average_confidence=(
            sum((each.average_confidence or 0) * each.total_predictions for each in sure)
            / sum(each.total_predictions for each in sure)
            if sure
            else None
        ),
        average_inference_time_ms=average / total if total else None,
        min_inference_time_ms=0.5,
        p50_inference_time_ms=min(8.0, slowest),
        p95_inference_time_ms=min(30.0, slowest),
        p99_inference_time_ms=min(60.0, slowest),
        max_inference_time_ms=slowest,
        versions=versions,
    )


def facts_of_key(
    own: Sequence[Got], others: Sequence[Got] = (), *, hours: int = 2, slowest: float = 100.0, model: str | None = None
) -> Facts:
    of_key = SeenKey(
        predictions=sum(each.predictions for each in own),
        versions=seen(own),
        time_window_start=END - timedelta(hours=hours),
        time_window_end=END,
    )
    query = ReportQuery(key_id=SHOP, time_window_minutes=hours * 60, window_end=END, model_name=model)
    window = {"time_window_start": END - timedelta(hours=hours), "time_window_end": END, "model_name": model}
    of_all = everybody(own, others, slowest).model_copy(update=window)
    return Facts(State(query, of_key.as_window(model), ThresholdProfile(), of_all))
