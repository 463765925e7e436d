"""Whether a model is right less often than it should be or than it was, as far as people say.

People say so mostly where a prediction is wrong, so the share of right ones among what they judged says little by
itself. Three things do: predictions known to be wrong as a share of all (even if everything else was right), the same
against the time before, and the share of right ones among judged ones against the time before (unless it is one or two
strangers who judge). The latter two count when they are certain (see `drift`) and large.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from metrics_service.aggregates import aggregate
from metrics_service.alerts import ORDER, Limit, Reading, Signal, Watch
from metrics_service.contingency.certainty import FALSE_ALARMS
from metrics_service.drift import compare
from metrics_service.feedback import right_and_wrong
from metrics_service.feedback_store import FeedbackStore
from metrics_service.rollups import Selection
from metrics_service.window import Window

DROP_WARNING = 0.05
DROP_CRITICAL = 0.15
"""By how much a share must have dropped to matter: of 1."""

LIKELY = 0.05
"""A drop that chance shows less often than that keeps an alert open."""

COMPARISONS = 2


async def accuracy_readings(
    store: FeedbackStore, model_name: str, now: datetime, watch: Watch, margin: float
) -> Sequence[Reading]:
    """At most one: the worst of what is known about the predictions of the window."""
    window = Window.ending(now, watch.drift_window_minutes)
    before = Window.ending(window.start, watch.drift_reference_minutes)
    current, reference = Selection(window, model_name=model_name), Selection(before, model_name=model_name)
    right, wrong = map(round, right_and_wrong(await store.pairs(current)))
    right_before, wrong_before = map(round, right_and_wrong(await store.pairs(reference)))
    if not right + wrong + right_before + wrong_before:
        return []
    made = (await aggregate(store.engine, current)).total_predictions
    if made < watch.min_predictions:
        return []
    made_before = (await aggregate(store.engine, reference)).total_predictions
    judged = (right, wrong) if await store.is_independent(current) else (0, 0)
    found = [
        at_best(made, min(wrong, made), watch),
        *drop((right_before, wrong_before), judged, "share of right ones among those judged"),
        *drop(parts(made_before, wrong_before), parts(made, wrong), "share of predictions that nobody called wrong"),
    ]
    return [max(found, key=lambda one: (ORDER.index(one.severity()), ORDER.index(one.against_limits(margin))))]


Parts = tuple[int, int]
"""What was right, or may have been, and what was wrong."""


def parts(made: int, wrong: int) -> Parts:
    """All predictions, those known to be wrong apart."""
    wrong = min(wrong, made)
    return made - wrong, wrong


def at_best(made: int, wrong: int, watch: Watch) -> Reading:
    """The accuracy if everything that nobody called wrong was right."""
    return Reading(
        Signal.ACCURACY,
        1 - wrong / made,
        Limit("min_accuracy_warning", watch.min_accuracy_warning),
        Limit("min_accuracy_critical", watch.min_accuracy_critical),
        falling=True,
        about=f"{wrong} of {made} predictions are known to be wrong",
    )


def drop(before: Parts, now: Parts, about: str) -> Iterator[Reading]:
    """By how much a share of right predictions has dropped, if both sides have any."""
    if not sum(before) or not sum(now):
        return
    p_value = compare(dict(enumerate(before)), dict(enumerate(now)), measures=COMPARISONS).p_value or 0.0
    was, has = before[0] / sum(before), now[0] / sum(now)
    yield Reading(
        Signal.ACCURACY,
        max(was - has, 0.0) if p_value < LIKELY else 0.0,
        Limit("accuracy_drop_warning", DROP_WARNING),
        Limit("accuracy_drop_critical", DROP_CRITICAL),
        about=f"{about} dropped from {was:.3g} to {has:.3g}",
        is_sure=p_value < FALSE_ALARMS,
    )
