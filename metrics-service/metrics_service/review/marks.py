"""What marks a prediction as one of few, or of more than before: labels and inputs, by the rollups; pure."""

from collections.abc import Iterable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from metrics_service.drift.chance import tail_above
from shared.contracts.labels import Label
from shared.contracts.names import ModelVersion

MOST_MARKS = 5
"""Of each kind; the strongest."""

ENOUGH = 50
"""Predictions below which shares say nothing."""

RARE = 0.25
"""A label is rare whose share is below this part of what all labels would have if they had the same."""

GROWN = 1.5
"""A share has grown that is so many times what it was …"""

CHANCE = 1e-6
"""… and by chance alone so large with this probability at most: thousands of bins are looked at."""

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class Mark(BaseModel):
    """A share of the window's predictions, and what it was in the time before; null: that does not matter."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    share: Share
    before: Share | None = None


class LabelMark(Mark):
    """Predictions with this label."""

    label: Label


class InputMark(Mark):
    """Predictions of a version of which an input falls into a bin; `key`: both, as rollups have them."""

    model_version: ModelVersion
    key: Annotated[int, Field(ge=0, lt=4096 * 65536)]
    name: Annotated[str, Field(max_length=200)]


class Marks(BaseModel):
    """All marks of a window. They stay the same from page to page."""

    model_config = ConfigDict(frozen=True)

    rare: Annotated[tuple[LabelMark, ...], Field(max_length=MOST_MARKS)] = ()
    grown: Annotated[tuple[LabelMark, ...], Field(max_length=MOST_MARKS)] = ()
    moved: Annotated[tuple[InputMark, ...], Field(max_length=MOST_MARKS)] = ()


def marks_of(labels: Iterable[Mapping[str, Any]], inputs: Iterable[Mapping[str, Any]]) -> Marks:
    """By rows with the predictions of the window (`now`) and of the time before it (`before`).

    `inputs` have those of their input, in all its bins, as `all_now` and `all_before`.
    """
    labels, inputs = list(labels), list(inputs)
    now, before = (sum(row[when] for row in labels) for when in ("now", "before"))
    grown = [
        LabelMark(label=row["label"], share=row["now"] / now, before=row["before"] / before)
        for row in labels
        if has_grown(row["now"], now, row["before"], before)
    ]
    moved = [
        InputMark(
            model_version=row["model_version"],
            key=row["key"],
            name=(row["name"] or "")[:200] or f"number {row['key'] // 65536 + 1}",
            share=row["now"] / row["all_now"],
            before=row["before"] / row["all_before"],
        )
        for row in inputs
        if has_grown(row["now"], row["all_now"], row["before"], row["all_before"])
    ]
    return Marks(
        rare=tuple(rare(labels, now)),
        grown=tuple(sorted(grown, key=growth, reverse=True)[:MOST_MARKS]),
        moved=tuple(sorted(moved, key=growth, reverse=True)[:MOST_MARKS]),
    )


def rare(labels: list[Mapping[str, Any]], now: int) -> list[LabelMark]:
    """The rarest labels first."""
    if now < ENOUGH:
        return []
    few = RARE * now / len(labels)
    found = sorted((row["now"], row["label"]) for row in labels if 0 < row["now"] < few)
    return [LabelMark(label=label, share=count / now) for count, label in found[:MOST_MARKS]]


def has_grown(now: int, all_now: int, before: int, all_before: int) -> bool:
    """Whether a share is far above what it was, and not by chance."""
    if min(all_now, all_before) < ENOUGH or now * all_before < GROWN * before * all_now:
        return False
    return tail_above(now, all_now, now + before, all_now + all_before) <= CHANCE


def growth(mark: Mark) -> float:
    """By how much a share has grown."""
    return mark.share - (mark.before or 0.0)
