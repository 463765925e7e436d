"""Which of the predictions that were looked through deserve a label, by which reason; pure.

Each reason has an order of its own, and they take turns. Predictions that are nearly the same are one: when one of them
was handed out or has feedback, the others are left out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from metrics_service.review.contracts import Reason
from metrics_service.review.marks import Marks
from metrics_service.review.walk import Place

LEAST_SURE = 0.05
"""Of the predictions that were looked through; the same part of values that are furthest from the shadow's."""

AT_LEAST = 20
"""However few that is."""

UNDECIDED = frozenset({"classification", "multilabel"})
"""Tasks that say no label when none was sure enough: as unsure as can be."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a prediction that was looked at. `alike`: the same for those that are nearly the same."""

    prediction_id: UUID
    created_at: datetime
    model_version: str
    task_type: str
    prediction_label: str | None
    confidence: float | None
    alike: str
    has_feedback: bool
    candidate_version: str | None
    candidate_label: str | None
    agrees: bool | None
    distance: float | None
    moved: int | None

    @property
    def sureness(self) -> float | None:
        """Its confidence; None: its task has none."""
        if self.confidence is None and self.prediction_label is None and self.task_type in UNDECIDED:
            return 0.0
        return self.confidence


@dataclass(frozen=True, slots=True)
class Chosen:
    """A prediction to be handed out, and why."""

    seen: Seen
    reason: Reason


def place(seen: Seen, reason: Reason, marks: Marks) -> Place | None:
    """Where it stands in the order of a reason, by what of it never changes; None: that reason is not about it."""
    score: float | None
    newest_first = -seen.created_at.timestamp()
    match reason:
        case Reason.DISAGREEMENT:
            is_apart = seen.agrees is False or (seen.agrees is None and bool(seen.distance))
            score = -(seen.distance or 0.0) if is_apart else None
        case Reason.LOW_CONFIDENCE:
            score = seen.sureness
        case Reason.RARE_LABEL:
            score = newest_first if any(mark.label == seen.prediction_label for mark in marks.rare) else None
        case Reason.DRIFTING_LABEL:
            score = newest_first if any(mark.label == seen.prediction_label for mark in marks.grown) else None
        case Reason.DRIFTING_INPUT:
            score = newest_first if seen.moved is not None else None
    return None if score is None else (score, seen.prediction_id)


Queue = list[tuple[Place, Seen]]


def queues(looked: Sequence[Seen], marks: Marks, passed: dict[Reason, Place]) -> dict[Reason, Queue]:
    """For each reason, best first, what deserves a label and is new."""
    ordered: dict[Reason, Queue] = {}
    known = {seen.alike for seen in looked if seen.has_feedback}
    for reason in Reason:
        queue = [(at, seen) for seen in looked if (at := place(seen, reason, marks)) is not None]
        queue.sort(key=lambda one: one[0])
        if (last := passed.get(reason)) is not None:
            known |= {seen.alike for at, seen in queue if at <= last}
        ordered[reason] = queue
    return {
        reason: [one for one in queue[: most_of(reason, queue, len(looked))] if one[1].alike not in known]
        for reason, queue in ordered.items()
    }


def most_of(reason: Reason, queue: Queue, looked: int) -> int:
    """How many of an order deserve a label: of what everything has more or less of, only the outermost."""
    is_gradual = reason is Reason.LOW_CONFIDENCE or (
        reason is Reason.DISAGREEMENT and all(seen.agrees is None for _, seen in queue)
    )
    return max(AT_LEAST, int(LEAST_SURE * looked)) if is_gradual else len(queue)


def chosen(queues: dict[Reason, Queue], limit: int) -> tuple[list[Chosen], bool]:
    """At most so many, the reasons in turns; and whether there would be more."""
    found: list[Chosen] = []
    taken: set[str] = set()
    turns = [in_order(reason, queue, taken) for reason, queue in queues.items()]
    while turns:
        for turn in list(turns):
            one = next(turn, None)
            if one is None:
                turns.remove(turn)
            elif len(found) == limit:
                return found, True
            else:
                found.append(one)
    return found, False


def in_order(reason: Reason, queue: Queue, taken: set[str]) -> Iterator[Chosen]:
    """One after the other, but none that is like one that was taken."""
    for _, seen in queue:
        if seen.alike not in taken:
            taken.add(seen.alike)
            yield Chosen(seen, reason)
