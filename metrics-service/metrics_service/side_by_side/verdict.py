"""What differences come to, in one word and in sentences; pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from shared.contracts.comparison import Difference, Quantity, Verdict
from shared.contracts.drift import DriftMeasure, DriftStatus

WORDS: dict[Quantity, str] = {
    "predictions_per_minute": "traffic per minute",
    "average_confidence": "average confidence",
    "average_inference_time_ms": "average inference time",
    "p50_inference_time_ms": "median inference time",
    "p95_inference_time_ms": "95th percentile of the inference time",
    "p99_inference_time_ms": "99th percentile of the inference time",
    "accuracy": "accuracy by feedback",
    "average_value": "average value",
    "mean_absolute_error": "mean absolute error by feedback with the admin token",
    "label_share": "share of the label",
    "labels_share": "share of predictions with the label",
}

BETTER_WHEN: dict[Quantity, int] = {
    "accuracy": 1,
    "mean_absolute_error": -1,
    "average_confidence": 1,
    "average_inference_time_ms": -1,
    "p50_inference_time_ms": -1,
    "p95_inference_time_ms": -1,
    "p99_inference_time_ms": -1,
}
"""Which way is better: higher or lower. Of what is not here, neither."""

CHANGED = (DriftStatus.SIGNIFICANT, DriftStatus.MODERATE, DriftStatus.SLIGHT)

MAX_SENTENCES = 12
"""So many things are said; the numbers themselves are all in the response."""

MOVED_BINS = 3
"""So many shares of a distribution are told."""


@dataclass(frozen=True, slots=True)
class Names:
    """What the two sides are called: `version 2.0.0`, `the window before`."""

    current: str
    reference: str


def verdict(found: Sequence[Difference], distributions: Sequence[DriftMeasure]) -> Verdict:
    """How the current side does beside the reference."""
    claimed = [one for one in found if one.is_claimed]
    ways = {way(one) for one in claimed} - {0}
    if ways:
        return Verdict.MIXED if len(ways) == 2 else Verdict.BETTER if 1 in ways else Verdict.WORSE
    statuses = {measure.status for measure in distributions}
    if claimed or statuses & set(CHANGED):
        return Verdict.DIFFERENT
    is_judged = bool(statuses) and DriftStatus.NOT_ENOUGH_DATA not in statuses
    return Verdict.SAME if is_judged else Verdict.NOT_ENOUGH_DATA


def way(one: Difference) -> int:
    """1: better, -1: worse, 0: neither."""
    change = one.difference or 0.0
    return BETTER_WHEN.get(one.name, 0) * (1 if change > 0 else -1)


def sentences(
    outcome: Verdict,
    found: Sequence[Difference],
    distributions: Sequence[DriftMeasure],
    sizes: tuple[int, int],
    names: Names,
) -> list[str]:
    """The verdict, then what it rests on. `sizes`: predictions of the current side and of the reference."""
    said = [opening(outcome, sizes, names)]
    claimed = sorted((one for one in found if one.is_claimed), key=lambda one: way(one) or 2)
    said += [number_words(one) for one in claimed]
    said += [distribution_words(one) for one in distributions if one.status in CHANGED]
    said += lacking(found)
    return said[:MAX_SENTENCES]


def lacking(found: Sequence[Difference]) -> Iterator[str]:
    """What is not compared for want of feedback."""
    has = {one.name: one.difference is not None for one in found}
    if not has.get("mean_absolute_error", True):
        yield (
            "Nobody with the admin token judged values of both, so how far they are from what they should have been "
            "is not compared."
        )
    elif not has.get("accuracy") and "mean_absolute_error" not in has:
        yield "People judged predictions of at most one of the two, so how often they are right is not compared."


def opening(outcome: Verdict, sizes: tuple[int, int], names: Names) -> str:
    """The verdict as a sentence."""
    compared = f"{names.current} ({sizes[0]} predictions) and {names.reference} ({sizes[1]})"
    compared = compared[0].upper() + compared[1:]
    if outcome is Verdict.NOT_ENOUGH_DATA:
        return f"{compared}: too few predictions to say whether they differ."
    if outcome is Verdict.SAME:
        return f"{compared} do not differ in anything that matters, as far as so many predictions tell."
    if outcome is Verdict.DIFFERENT:
        return f"{compared} differ, though not in accuracy, confidence or time."
    if outcome is Verdict.MIXED:
        return f"{compared} differ: {names.current} is better in some respects and worse in others."
    return f"{compared} differ: {names.current} is {outcome.value}."


def number_words(one: Difference) -> str:
    """`Its accuracy by feedback is 0.12 lower: 0.8 against 0.92 (95 % interval of the difference -0.2 to -0.04)`."""
    unit = " ms" if one.name.endswith("_ms") else ""
    change = one.difference or 0.0
    label = f" {one.label!r}" if one.label is not None else ""
    interval = "" if one.low is None else f" (95 % interval of the difference {one.low:.3g} to {one.high:.3g}{unit})"
    return (
        f"Its {WORDS[one.name]}{label} is {abs(change):.3g}{unit} {'higher' if change > 0 else 'lower'}: "
        f"{one.current:.4g} against {one.reference:.4g}{unit}{interval}."
    )


def distribution_words(one: DriftMeasure) -> str:
    """Which property is distributed otherwise, by how much, and where most has moved."""
    subject = one.subject.replace("_", " ")
    moved = "; ".join(moves(one))
    return (
        f"Its {subject} is distributed otherwise ({one.status.value}: PSI {one.excess_psi:.3g} beyond chance): {moved}."
    )


def moves(one: DriftMeasure) -> Iterator[str]:
    """The bins that gained or lost most."""
    changes = {key: one.current.get(key, 0.0) - one.reference.get(key, 0.0) for key in {*one.reference, *one.current}}
    for key in sorted(changes, key=lambda key: (-abs(changes[key]), key))[:MOVED_BINS]:
        yield f"{key} {one.current.get(key, 0.0):.3g} against {one.reference.get(key, 0.0):.3g}"
