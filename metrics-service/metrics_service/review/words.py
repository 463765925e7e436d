"""Why a prediction deserves a label, in words; pure."""

from metrics_service.review.contracts import Reason
from metrics_service.review.marks import LabelMark, Marks
from metrics_service.review.ranking import Chosen, Seen


def because(one: Chosen, marks: Marks) -> str:
    """A sentence with its figures."""
    seen = one.seen
    match one.reason:
        case Reason.DISAGREEMENT:
            return disagreement(seen)
        case Reason.LOW_CONFIDENCE if seen.confidence is None:
            return "no label was sure enough"
        case Reason.LOW_CONFIDENCE:
            return f"confidence {seen.confidence:.3g}, among the lowest of the predictions that were looked through"
        case Reason.RARE_LABEL:
            mark = named(marks.rare, seen)
            return f"{mark.label} is rare: {mark.share:.2%} of the predictions"
        case Reason.DRIFTING_LABEL:
            mark = named(marks.grown, seen)
            return (
                f"{mark.label} has become frequent: {mark.share:.2%} of the predictions, {mark.before or 0:.2%} before"
            )
        case Reason.DRIFTING_INPUT:
            moved = next(
                mark for mark in marks.moved if (mark.model_version, mark.key) == (seen.model_version, seen.moved)
            )
            what = "is missing" if moved.key % 65536 == 0 else "is where it seldom was"
            return (
                f"its input {moved.name} {what}: {moved.share:.2%} of the predictions, {moved.before or 0:.2%} before"
            )


def disagreement(seen: Seen) -> str:
    """What the candidate said instead."""
    apart = "" if seen.distance is None else f" (distance {seen.distance:.3g})"
    if seen.candidate_label is not None and seen.candidate_label != seen.prediction_label:
        return f"{seen.candidate_version} in the shadow says {seen.candidate_label}{apart}"
    return f"{seen.candidate_version} in the shadow says something else{apart}"


def named(marks: tuple[LabelMark, ...], seen: Seen) -> LabelMark:
    """The mark of a prediction's label."""
    return next(mark for mark in marks if mark.label == seen.prediction_label)
