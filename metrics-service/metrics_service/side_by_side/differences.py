"""By how much two sides differ in each number, and whether chance explains it; pure."""

from metrics_service.drift.certainty import FALSE_ALARMS
from metrics_service.side_by_side.intervals import Interval, deviations, difference
from metrics_service.side_by_side.quantities import Measured, measured
from metrics_service.side_by_side.sample import Sample
from shared.contracts.comparison import Difference

SHOWN_MISSES = 0.05
"""How often the truth may lie outside the interval that is shown."""


def differences(reference: Sample, current: Sample) -> list[Difference]:
    """Every number of the two sides; a claim is certain over all of them together (Bonferroni)."""
    numbers = list(measured(reference, current))
    return [difference_of(number, reference, current, FALSE_ALARMS / len(numbers)) for number in numbers]


def difference_of(number: Measured, reference: Sample, current: Sample, false_alarms: float) -> Difference:
    """One number; `false_alarms`: with which chance nothing but chance may count as certain."""
    before, now = number.value(reference), number.value(current)
    shown = interval(number, reference, current, deviations(SHOWN_MISSES))
    sure = interval(number, reference, current, deviations(false_alarms))
    change = None if before is None or now is None else now - before
    return Difference(
        name=number.name,
        label=number.label,
        reference=before,
        current=now,
        difference=change,
        low=shown.low if shown else None,
        high=shown.high if shown else None,
        is_certain=sure is not None
        and not sure.low <= 0 <= sure.high
        and (number.by_chance is None or number.by_chance(reference, current) <= false_alarms),
        is_material=change is not None and abs(change) > 0 and abs(change) >= number.least(reference),
    )


def interval(number: Measured, reference: Sample, current: Sample, z: float) -> Interval | None:
    """Where the true difference lies; None when one side has no interval."""
    before, now = number.interval(reference, z), number.interval(current, z)
    return difference(before, now) if before and now else None
