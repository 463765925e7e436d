"""What a polish for names (`mend`) learns from: groups that differ in a name, own sentences, and anchors.

An anchor is a text with what is to be said of it: what the start said, and more or less of its label. Anchors keep what
was learned before.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from training import desk, identities
from training.constructions import constructed, of_kind
from training.datasets import Example
from training.labels import NEGATIVE, NEUTRAL, POSITIVE

STRANGE = "strange"
"""The anchors that say nothing: no English."""


@dataclass(frozen=True)
class Plan:
    """How much of what; counts are those of a step."""

    looked_at: int = 4000
    """Forms that the start is asked about."""
    kept: int = 600
    """The worst of them, which are learned: the wider the gap, the more often."""
    worst: int = 5
    """Groups of these."""
    polar: int = 3
    """Groups of good and bad forms at a desk: what is said for or against somebody has to stay so."""
    others: int = 2
    """Groups of anybody who may be meant (`identities`)."""
    sentences: int = 10
    """Own sentences, half of them of the newest kind."""
    anchors: dict[str, int] = field(default_factory=lambda: {
        "goemotions3": 16, "tweeteval": 7, "sst3": 2, "sst2": 2, "phrases": 1, "imdb": 2, STRANGE: 2,
    })  # fmt: skip
    """Set → its anchors."""
    anchor_rows: int = 500
    """Texts of a set that its anchors are drawn from, for each of them in a step."""
    anchor_tokens: int = 40
    """What is read of them."""
    labelled: dict[str, float] = field(default_factory=lambda: {"goemotions3": 0.2})
    """Set → how much of what its anchors are to say comes of their labels; the rest is what the start said."""
    label_smoothing: float = 0.05
    drift_weight: float = 6.0
    """Of the divergence from what the anchors are to say."""
    same_weight: float = 3.0
    """Of the divergence within groups."""
    labels_weight: float = 0.4
    """Of the groups' labels."""
    sentences_weight: float = 0.4
    """Of the own sentences' labels."""


@dataclass(frozen=True, slots=True)
class Divided:
    """A form with `{n}` in it, its label, and the names for which the answers are furthest apart."""

    form: str
    label: int
    names: tuple[str, str]
    gap: float
    """Between the two names, in the probability of the label."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """A text and what is to be said of it."""

    ids: list[int]
    target: tuple[float, ...]


class Material:
    """What the steps learn from; always the same for the same random numbers."""

    def __init__(
        self, found: list[Divided], anchors: Mapping[str, list[Anchor]], plan: Plan, rng: random.Random
    ) -> None:
        self._divided, self._anchors, self._plan, self._rng = found, anchors, plan, rng
        self._gaps = [one.gap for one in found]

    def groups(self) -> list[tuple[list[str], int]]:
        """Texts to be judged alike, and their label: half of the names of a divided form are those that divide it."""
        rng = self._rng
        found = [
            (one.form, [*one.names, *identities.names(rng)[: identities.SIZE - 2]], one.label)
            for one in rng.choices(self._divided, self._gaps, k=self._plan.worst)
        ]
        for _ in range(self._plan.polar):
            label = rng.choice((NEGATIVE, POSITIVE))
            found.append((desk.form(label, rng), identities.names(rng), label))
        named = [
            (identities.carelessly([form.replace("{n}", name) for name in names], rng), label)
            for form, names, label in found
        ]
        others = identities.formed(self._plan.others, rng)
        return named + [(group.texts, label_of(group.judged)) for group in others]

    def sentences(self) -> list[Example]:
        """Own ones."""
        rng, newest = self._rng, of_kind("everyday")
        half = self._plan.sentences // 2
        return [
            *(newest(rng.choice((NEGATIVE, POSITIVE)), rng) for _ in range(half)),
            *constructed(self._plan.sentences - half, rng),
        ]

    def anchors(self) -> list[Anchor]:
        """Of every set."""
        return [
            anchor
            for name, count in self._plan.anchors.items()
            for anchor in self._rng.sample(self._anchors[name], count)
        ]


def label_of(example: Example) -> int:
    """Of a text without a label, neutral."""
    return NEUTRAL if example.label is None else example.label


def drawn(sets: Mapping[str, list[Example]], plan: Plan, rng: random.Random) -> dict[str, list[Example]]:
    """Texts of every set, as many as the plan says."""
    return {
        name: rng.sample(sets[name], min(count * plan.anchor_rows, len(sets[name])))
        for name, count in plan.anchors.items()
    }
