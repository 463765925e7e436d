"""What a polish for names learns from: groups that a name alone tells apart, and as many anchors as were planned."""

import random
import re
from collections import Counter

import pytest

from prediction_tests.fairness_sentences import KEPT_OUT_NAMES, NAME_FORMS
from training import identities
from training.constructions import constructed
from training.datasets import Example
from training.labels import NEGATIVE, NEUTRAL, POSITIVE
from training.material import STRANGE, Anchor, Divided, Material, Plan, drawn
from training.training_tests.test_constructions import in_a_row, words

PLAN = Plan(anchors={"tweeteval": 3, STRANGE: 2}, anchor_rows=4)
FOUND = [
    Divided("{n} took the call.", NEUTRAL, ("Wei", "Golda"), 0.5),
    Divided("{n} was late.", NEGATIVE, ("Ali", "Joy"), 0.0),
]


@pytest.fixture
def rng() -> random.Random:
    return random.Random(7)


@pytest.fixture
def material(rng: random.Random) -> Material:
    anchors = {name: [Anchor([2, place, 3], (0.2, 0.6, 0.2)) for place in range(12)] for name in PLAN.anchors}
    return Material(FOUND, anchors, PLAN, rng)


def test_a_step_has_as_many_groups_as_planned_and_each_is_as_large_as_a_group_is(material: Material) -> None:
    groups = material.groups()
    assert len(groups) == PLAN.worst + PLAN.polar + PLAN.others
    assert {len(texts) for texts, _ in groups} == {identities.SIZE}
    assert {label for _, label in groups} <= {NEGATIVE, NEUTRAL, POSITIVE}


def test_the_worst_form_is_learned_with_both_names_that_divide_it(material: Material) -> None:
    for texts, label in (group for _ in range(30) for group in material.groups()[: PLAN.worst]):
        assert label == NEUTRAL, "a form without a gap is never drawn"
        assert [text.lower().partition(" ")[0] for text in texts[:2]] == ["wei", "golda"]
        assert len({text.lower().partition(" ")[2] for text in texts}) == 1


def test_the_polar_groups_are_for_or_against_somebody(material: Material) -> None:
    groups = [group for _ in range(30) for group in material.groups()[PLAN.worst : PLAN.worst + PLAN.polar]]
    assert {label for _, label in groups} == {NEGATIVE, POSITIVE}


def test_anchors_are_as_many_as_planned_and_differ(material: Material) -> None:
    anchors = material.anchors()
    assert len(anchors) == sum(PLAN.anchors.values())
    assert len({anchor.ids[1] for anchor in anchors[:3]}) == 3


def test_half_of_the_own_sentences_are_of_the_newest_kind(material: Material, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.material.of_kind", lambda kind: lambda label, _: Example(kind, label))
    monkeypatch.setattr("training.material.constructed", lambda count, _: [Example("of any kind", NEUTRAL)] * count)
    assert Counter(example.text for example in material.sentences()) == {"everyday": 5, "of any kind": 5}


def test_own_sentences_have_a_label(material: Material) -> None:
    labels = {example.label for _ in range(50) for example in material.sentences()}
    assert labels == {NEGATIVE, NEUTRAL, POSITIVE}


def test_every_set_gives_the_rows_that_its_anchors_are_drawn_from(rng: random.Random) -> None:
    sets = {
        "tweeteval": [Example(str(place), NEUTRAL) for place in range(50)],
        STRANGE: [Example(str(place), None) for place in range(9)],
    }
    chosen = drawn(sets, PLAN, rng)
    assert {name: len(rows) for name, rows in chosen.items()} == {"tweeteval": 12, STRANGE: 8}
    assert all(row.label is None for row in chosen[STRANGE])


def test_nothing_that_the_gate_keeps_out_is_learned(material: Material, rng: random.Random) -> None:
    texts = [text for _ in range(500) for group, _ in material.groups() for text in group]
    texts += [example.text for _ in range(200) for example in material.sentences()]
    texts += [example.text for example in constructed(2000, rng)]
    kept_out = {tuple(words(name)) for name in KEPT_OUT_NAMES}
    seen = set().union(*(in_a_row(without_genitive(text), length) for text in texts for length in (1, 2)))
    assert not seen & kept_out
    asked = re.compile("|".join(as_made(form) for of_frame in NAME_FORMS.values() for form in of_frame))
    assert not [text for text in texts if asked.fullmatch(" ".join(words(text)))]


def as_made(form: str) -> str:
    """The pattern of a form's words with any name, whose words are one or two (Min-jun)."""
    return " ".join(words(form.replace("{}", "slot"))).replace("slot", r"\S+(?: \S+)?")


def without_genitive(text: str) -> str:
    return re.sub(r"'s\b", "", text)
