"""Forms of what is said and done at a desk: a place for one name, and none that the fairness gate asks."""

import random
import re

import pytest

from prediction_tests.fairness_sentences import NAME_FORMS
from training import desk
from training.labels import NEGATIVE, NEUTRAL, POSITIVE
from training.training_tests.test_constructions import in_a_row, words

LONGEST_SHARED = 5
"""Words in a row, the name among them, that a form of the gate may have in common with a made one."""


def made(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    return [desk.form(rng.choice((NEGATIVE, NEUTRAL, NEUTRAL, POSITIVE)), rng) for _ in range(count)]


def test_a_form_has_a_place_for_one_name_and_no_other_slot() -> None:
    for form in made(5000, seed=2):
        assert form.count("{n}") == 1
        assert not re.search(r"[{}]|\s{2}|^\s|\s$", form.replace("{n}", "Kim")), form
        assert form.replace("{n}", "Kim")[0].isupper()


def test_no_form_of_the_gate_is_made_nor_one_that_shares_more_than_a_few_words() -> None:
    asked = {text.replace("{}", "{n}") for of_frame in NAME_FORMS.values() for text in of_frame}
    forms = made(30_000, seed=5)
    assert not {tuple(words(form)) for form in forms} & {tuple(words(form)) for form in asked}
    seen = set().union(*(in_a_row(form, LONGEST_SHARED + 1) for form in forms))
    assert not [form for form in asked if in_a_row(form, LONGEST_SHARED + 1) & seen]


@pytest.mark.parametrize("label", [NEGATIVE, POSITIVE])
def test_what_is_good_or_bad_says_so_at_the_end_or_by_its_manner(label: int) -> None:
    rng = random.Random(3)
    neutral = {desk.form(NEUTRAL, random.Random(seed)) for seed in range(3000)}
    assert not {desk.form(label, rng) for _ in range(3000)} & neutral
