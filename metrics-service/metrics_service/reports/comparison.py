"""Compares two versions of a model, or two windows of it: everything side by side, with intervals and a verdict."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from metrics_service.database import autocommit
from metrics_service.drift.comparison import worst
from metrics_service.feedback.store import FeedbackStore
from metrics_service.reports.compared import compared
from metrics_service.reports.metrics import judged
from metrics_service.side_by_side.differences import differences
from metrics_service.side_by_side.sample import Sample
from metrics_service.side_by_side.verdict import Names, sentences, verdict
from metrics_service.thresholds.store import ThresholdStore
from metrics_service.windows.aggregates import read_aggregates
from metrics_service.windows.coverage import Coverage
from metrics_service.windows.distributions import distributions
from metrics_service.windows.errors import error_bins
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from shared.contracts.aggregates import VersionMetrics
from shared.contracts.comparison import Comparison, ComparisonQuery, Side
from shared.contracts.problem import FieldError
from shared.contracts.thresholds import Thresholds
from shared.http.problems import InvalidRequest

OVERLAP = "both windows would hold the same predictions, which would be compared with themselves"


@dataclass(frozen=True, slots=True)
class ComparisonReporter:
    """Reports on two sides. Without Postgres: DatabaseUnavailable."""

    engine: AsyncEngine
    coverage: Coverage
    thresholds: ThresholdStore
    feedback: FeedbackStore

    async def report(self, query: ComparisonQuery) -> Comparison:
        """Both sides, their differences and what they come to. Raises InvalidRequest for sides that overlap."""
        now, before = self._selections(query)
        (current, versions), (reference, former), thresholds = await asyncio.gather(
            self._sample(now), self._sample(before), self.thresholds.get(query.model_name)
        )
        found = differences(reference, current)
        measures = await asyncio.to_thread(compared, reference.shapes, current.shapes)
        outcome = verdict(found, measures)
        sizes = (current.metrics.total_predictions, reference.metrics.total_predictions)
        return Comparison(
            model_name=query.model_name,
            task_type=query.task_type,
            verdict=outcome,
            words=sentences(outcome, found, measures, sizes, names(query)),
            current=side(current, versions, now, thresholds),
            reference=side(reference, former, before, thresholds),
            differences=found,
            distributions=measures,
            distributions_status=worst(measure.status for measure in measures),
        )

    def _selections(self, query: ComparisonQuery) -> tuple[Selection, Selection]:
        """Which predictions are the current side, and which the reference."""
        window = self.coverage.of_rows(query.window_end, query.time_window_minutes)
        minutes = query.reference_window_minutes or query.time_window_minutes
        usual_end = window.end if query.is_of_two_versions else window.start
        reference = self.coverage.of_rows(query.reference_window_end or usual_end, minutes, "reference_window_end")
        overlap = reference.start < window.end and window.start < reference.end
        if overlap and not query.is_of_two_versions:
            raise InvalidRequest([FieldError(location="body.reference_window_end", message=OVERLAP)])
        version = query.reference_model_version or query.model_version
        return (
            Selection(window, query.task_type, query.model_name, query.model_version),
            Selection(reference, query.task_type, query.model_name, version),
        )

    async def _sample(self, selection: Selection) -> tuple[Sample, list[VersionMetrics]]:
        """One side: what is compared of it, and its versions."""
        read = await read_aggregates(self.engine, selection)
        shapes = await distributions(self.engine, selection)
        quality = await self.feedback.quality(selection)
        async with autocommit(self.engine) as connection:
            errors = await error_bins(connection, selection) if quality.errors else {}
        minutes = minutes_of(selection.window)
        return Sample(read.aggregates, read.times, shapes, quality, minutes, errors), read.versions


def minutes_of(window: Window) -> float:
    """How long it is."""
    return (window.end - window.start) / timedelta(minutes=1)


def side(sample: Sample, versions: list[VersionMetrics], selection: Selection, thresholds: Thresholds) -> Side:
    """A side as clients see it."""
    return Side(
        metrics=judged(sample.metrics, versions, selection, thresholds),
        predictions_per_minute=sample.per_minute,
        feedback_count=sample.quality.feedback_count,
        accuracy=sample.quality.accuracy,
    )


def names(query: ComparisonQuery) -> Names:
    """What the sides are called in sentences."""
    if query.is_of_two_versions:
        return Names(f"version {query.model_version}", f"version {query.reference_model_version}")
    whose = f" of version {query.model_version}" if query.model_version else ""
    reference = "the reference window" if query.reference_window_end else "the window before"
    return Names(f"the window{whose}", reference)
