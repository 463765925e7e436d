"""Looks at every model at intervals and lets alerts follow; runs in the replica that leads."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from prometheus_client import Gauge
from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.alerts.alert import AlertEvent, Signal
from metrics_service.alerts.rules import Reading
from metrics_service.alerts.store import AlertStore
from metrics_service.database import autocommit
from metrics_service.drift.certainty import FALSE_ALARMS, LIKELY
from metrics_service.drift.comparison import MODERATE_PSI, SIGNIFICANT_PSI
from metrics_service.feedback.store import FeedbackStore
from metrics_service.reports.drift import DriftReporter
from metrics_service.sql import statement
from metrics_service.thresholds.judge import SEVERITIES, Limit, Limits, confidence_limits, inference_time_limits
from metrics_service.thresholds.store import ThresholdStore
from metrics_service.watch.accuracy import accuracy_readings
from metrics_service.watch.rollbacks import rollback_readings
from metrics_service.watch.scope import Watch
from metrics_service.watch.traffic import traffic_readings
from metrics_service.watch.values import error_readings, value_readings
from metrics_service.windows.aggregates import Aggregates, aggregate
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from shared.asyncio.clock import UtcNow
from shared.contracts.drift import DriftMeasure, DriftQuery, DriftReport, DriftStatus
from shared.contracts.thresholds import Thresholds

IN_USE = timedelta(days=1)
"""A model that has predicted nothing for so long is not watched; its open alerts are closed."""

MODELS = statement("models_in_use")

STATUS = Gauge(
    "metrics_model_status", "0 normal, 1 warning, 2 critical; in the replica that leads", ["model_name", "signal"]
)
MEASURED = Gauge("metrics_model_measured", "The value that the status is about", ["model_name", "signal"])

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AlertWatcher:
    """Reads what each model's numbers are and hands them to the alerts; DatabaseUnavailable ends the run."""

    engine: AsyncEngine
    thresholds: ThresholdStore
    drift: DriftReporter
    feedback: FeedbackStore
    alerts: AlertStore
    clock: UtcNow
    watch: Watch

    async def run(self) -> None:
        """A round at every interval, for ever; whoever no longer leads shows no status."""
        try:
            while True:
                await self.look()
                await asyncio.sleep(self.watch.interval_seconds)
        finally:
            STATUS.clear()
            MEASURED.clear()

    async def look(self) -> list[AlertEvent]:
        """One round; returns what happened."""
        models = await self.models()
        events = await self.alerts.close_except(models, self.clock())
        for model_name in models:
            readings = [reading async for reading in self._readings(model_name)]
            show(model_name, readings)
            events += await self.alerts.apply(model_name, readings, self.clock())
        for event in events:
            log.warning(event.type, **event.alert.model_dump(mode="json", exclude_none=True))
        return events

    async def models(self) -> Sequence[str]:
        """The models that are in use."""
        async with autocommit(self.engine) as connection:
            return (await connection.scalars(MODELS, {"since": self.clock() - IN_USE})).all()

    async def _readings(self, model_name: str) -> AsyncIterator[Reading]:
        """What can be said about a model now; what rests on too few predictions is left out."""
        now = self.clock()
        window = Window.ending(now, self.watch.window_minutes)
        measured = await aggregate(self.engine, Selection(window, model_name=model_name))
        thresholds = await self.thresholds.get(model_name)
        if measured.total_predictions >= self.watch.min_predictions:
            of_values = value_readings(measured, thresholds, self.alerts.policy.margin)
            for reading in (*readings_of(measured, thresholds), *of_values):
                yield reading
        for reading in await error_readings(self.engine, model_name, now, thresholds, self.watch):
            yield reading
        for reading in await traffic_readings(self.engine, model_name, now, self.watch.window_minutes):
            yield reading
        for reading in await accuracy_readings(self.feedback, model_name, now, self.watch, self.alerts.policy.margin):
            yield reading
        for reading in await rollback_readings(self.engine, model_name, now):
            yield reading
        reports = [report async for report in self._drift_reports(model_name, now)]
        for reading in drift_readings(reports, self.watch.min_predictions):
            yield reading

    async def _drift_reports(self, model_name: str, now: datetime) -> AsyncIterator[DriftReport]:
        """The window against what was before it, and against every baseline that is watched."""
        window = {"model_name": model_name, "time_window_minutes": self.watch.drift_window_minutes, "window_end": now}
        rolling = DriftQuery(**window, reference_window_minutes=self.watch.drift_reference_minutes)
        yield await self.drift.report(rolling)
        for name in await self.drift.baselines.watched(model_name):
            yield await self.drift.report(DriftQuery(**window, baseline=name))


def readings_of(measured: Aggregates, thresholds: Thresholds) -> Iterator[Reading]:
    """Confidence and inference time against their thresholds, as the status of an aggregate compares them."""
    if measured.average_confidence is not None:
        yield Reading(Signal.CONFIDENCE, measured.average_confidence, confidence_limits(thresholds))
    if measured.p95_inference_time_ms is not None:
        yield Reading(Signal.INFERENCE_TIME, measured.p95_inference_time_ms, inference_time_limits(thresholds))


def drift_readings(reports: Sequence[DriftReport], least: int) -> Iterator[Reading]:
    """At most one: the largest change that is certain, or else the largest that is likely."""
    judged = [
        drift_reading(measure, report)
        for report in reports
        if min(report.sample_size, report.reference_sample_size) >= least
        for measure in report.measures
        if measure.status is not DriftStatus.NOT_ENOUGH_DATA
    ]
    if judged:
        yield max(judged, key=lambda reading: (reading.is_sure, reading.measured))


def drift_reading(measure: DriftMeasure, report: DriftReport) -> Reading:
    """One measure: by how much it has changed, if that is not chance."""
    p_value = measure.p_value if measure.p_value is not None else 1.0
    return Reading(
        Signal.DRIFT,
        (measure.excess_psi or 0.0) if p_value < LIKELY else 0.0,
        Limits(Limit("psi_moderate", MODERATE_PSI), Limit("psi_significant", SIGNIFICANT_PSI)),
        about=f"{measure.subject} against {reference_words(report)}{versions_words(report)}",
        is_sure=p_value < FALSE_ALARMS,
    )


def reference_words(report: DriftReport) -> str:
    """What a window was compared with."""
    return f"the baseline {report.baseline}" if report.baseline else "the time before"


def versions_words(report: DriftReport) -> str:
    """Versions that the reference does not have: a person asks for these first."""
    if not report.reference_versions:
        return ""
    new = sorted(report.versions.keys() - report.reference_versions.keys())
    return f"; version {', '.join(new)} is new" if new else ""


def show(model_name: str, readings: Sequence[Reading]) -> None:
    """The readings as gauges, so that any Prometheus can alert as well."""
    for reading in readings:
        STATUS.labels(model_name, reading.signal).set(SEVERITIES.index(reading.severity()))
        MEASURED.labels(model_name, reading.signal).set(reading.measured)
