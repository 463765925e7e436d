"""Whether a model is right less often than it should be or than it was, as far as people say.

People say so mostly where a prediction is wrong, so the share of right ones among what they judged says little by
itself. Three things do: predictions that count as wrong, as a share of all (even if everything else was right), the
same against the time before, and the share of right ones among judged ones against the time before. The latter two
count when they are certain (see `drift`) and large; the last one is critical only where enough was judged. All three
rest on the same counts, of what no single caller decides (`voices`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from metrics_service.alerts.alert import Signal
from metrics_service.alerts.rules import Reading
from metrics_service.drift.certainty import FALSE_ALARMS, LIKELY
from metrics_service.drift.comparison import compare
from metrics_service.feedback.corroboration import Said, corroborated
from metrics_service.feedback.store import FeedbackStore
from metrics_service.thresholds.judge import SEVERITIES, Limit, Limits
from metrics_service.watch.scope import Watch
from metrics_service.windows.aggregates import aggregate
from metrics_service.windows.rollups import Selection
from metrics_service.windows.window import Window
from shared.contracts.thresholds import Status

DROP_WARNING = 0.05
DROP_CRITICAL = 0.15
"""By how much a share must have dropped to matter: of 1."""

LEAST_JUDGED = 30
LEAST_SHARE = 0.01
"""So many judgements that count, and this share of all predictions, before and now, are what a drop among judged ones
must rest on to be critical. A handful of words among thousands of predictions can be certain to differ, yet who gave
them chose what to judge: they show that somebody should look, not how the model does."""

COMPARISONS = 2


async def accuracy_readings(
    store: FeedbackStore, model_name: str, now: datetime, watch: Watch, margin: float
) -> Sequence[Reading]:
    """At most one: the worst that judgements say about the predictions of the window."""
    window = Window.ending(now, watch.drift_window_minutes)
    before = Window.ending(window.start, watch.drift_reference_minutes)
    current, reference = Selection(window, model_name=model_name), Selection(before, model_name=model_name)
    said = await corroborated(store.engine, current, store.caller_limit)
    said_before = await corroborated(store.engine, reference, store.caller_limit)
    if said.nothing and said_before.nothing:
        return []
    made = (await aggregate(store.engine, current)).total_predictions
    if made < watch.min_predictions:
        return []
    made_before = (await aggregate(store.engine, reference)).total_predictions
    weighed = WEIGHED if said.is_weighed or said_before.is_weighed else ""
    readings = [
        at_best(made, said, watch),
        *judged_drop((made_before, said_before), (made, said), weighed),
        *drop(
            parts(made_before, said_before.wrong.counted),
            parts(made, said.wrong.counted),
            f"share of predictions that nobody called wrong{weighed}",
        ),
    ]
    return [
        max(readings, key=lambda one: (SEVERITIES.index(one.severity()), SEVERITIES.index(one.against_limits(margin))))
    ]


WEIGHED = " (callers without the admin token count as far as others say the same)"
"""Said of shares in which some words count for less than they are."""

Parts = tuple[int, int]
"""What was right, or may have been, and what was wrong."""


def judged(said: Said) -> Parts:
    """What was judged."""
    return said.right.counted, said.wrong.counted


def parts(made: int, wrong: int) -> Parts:
    """All predictions, those that count as wrong apart."""
    wrong = min(wrong, made)
    return made - wrong, wrong


def at_best(made: int, said: Said, watch: Watch) -> Reading:
    """The accuracy if everything that does not count as wrong was right."""
    wrong = min(said.wrong.counted, made)
    return Reading(
        Signal.ACCURACY,
        1 - wrong / made,
        Limits(
            Limit("min_accuracy_warning", watch.min_accuracy_warning),
            Limit("min_accuracy_critical", watch.min_accuracy_critical),
            falling=True,
        ),
        about=wrong_words(wrong, said.wrong.said, made),
    )


def wrong_words(counted: int, said: int, made: int) -> str:
    """How many are wrong; where that is less than were called so, both numbers and why."""
    if counted == said:
        return f"{counted} of {made} predictions are known to be wrong"
    return f"{said} of {made} predictions were called wrong, which counts for {counted}{WEIGHED}"


Side = tuple[int, Said]
"""The predictions of a window, and what was said of them."""


def judged_drop(before: Side, now: Side, weighed: str) -> Iterator[Reading]:
    """By how much the share of right ones among judged ones has dropped; of few judgements at most a warning."""
    is_enough = all(speaks_for_all(*side) for side in (before, now))
    about = f"share of right ones among those judged{weighed}"
    for reading in drop(judged(before[1]), judged(now[1]), about):
        counts = f"{reading.about}; {judged_words(*before)} before, {judged_words(*now)} now"
        few = "" if is_enough else ": too few for more than a warning"
        yield replace(reading, about=counts + few, worst=Status.CRITICAL if is_enough else Status.WARNING)


def speaks_for_all(made: int, said: Said) -> bool:
    """Whether judgements can stand for all predictions of a window."""
    return said.counted >= max(LEAST_JUDGED, LEAST_SHARE * made)


def judged_words(made: int, said: Said) -> str:
    """`270 of 300 judgements right, of 5000 predictions`."""
    return f"{said.right.counted} of {said.counted} judgements right, of {made} predictions"


def drop(before: Parts, now: Parts, about: str) -> Iterator[Reading]:
    """By how much a share of right predictions has dropped, if both sides have any."""
    if not sum(before) or not sum(now):
        return
    p_value = compare(dict(enumerate(before)), dict(enumerate(now)), measures=COMPARISONS).p_value or 0.0
    was, has = before[0] / sum(before), now[0] / sum(now)
    yield Reading(
        Signal.ACCURACY,
        max(was - has, 0.0) if p_value < LIKELY else 0.0,
        Limits(Limit("accuracy_drop_warning", DROP_WARNING), Limit("accuracy_drop_critical", DROP_CRITICAL)),
        about=f"{about} dropped from {was:.3g} to {has:.3g}",
        is_sure=p_value < FALSE_ALARMS,
    )
