"""Which windows a report speaks of, in words; pure."""

from analytics_service.contracts.question import HOUR_MINUTES
from analytics_service.metrics_client.facts import Facts
from analytics_service.rules.certainty import MIN_SAMPLE
from analytics_service.rules.figures import moment, name_of
from shared.contracts.aggregates import AggregatedMetrics
from shared.contracts.drift import DriftReport


def window(facts: Facts) -> str:
    """`the last 60 minutes`, or until when, for a window that was named by its end."""
    end = facts.state.query.window_end
    return f"the {length(facts)} until {moment(end)}" if end else f"the last {length(facts)}"


def hours(facts: Facts) -> str:
    """`the 2 hours until 2026-01-05 18:00 UTC`: of a key there are whole hours, of which the last may not be over."""
    count = facts.minutes // HOUR_MINUTES
    return f"the {'hour' if count == 1 else f'{count} hours'} until {moment(facts.now.time_window_end)}"


def window_before(facts: Facts) -> str:
    """`the 60 minutes before`."""
    return f"the {length(facts)} before"


def baseline_words(pinned: DriftReport) -> str:
    """`the baseline` and its name."""
    return f"the baseline {name_of(pinned.baseline or 'pinned')}"


def length(facts: Facts) -> str:
    """`60 minutes`, or `minute`."""
    return "minute" if facts.minutes == 1 else f"{facts.minutes:,} minutes"


def comparable(facts: Facts) -> AggregatedMetrics | None:
    """The window before, when both are large enough for averages to be compared."""
    before = facts.before
    if before is None or min(facts.now.total_predictions, before.total_predictions) < MIN_SAMPLE:
        return None
    return before
