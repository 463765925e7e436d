"""What the training makes of people gives nothing away of the fairness gate."""

import random
import re

from prediction_tests.construction_sentences import CONSTRUCTIONS
from prediction_tests.fairness_sentences import KEPT_OUT_NAMES, KEPT_OUT_TERMS, NAME_FORMS, TERM_FORMS
from training import identities
from training.constructions import NAMES, constructed
from training.training_tests.test_constructions import in_a_row, words


def texts(count: int, seed: int) -> list[str]:
    rng = random.Random(seed)
    print("seed", seed)
    return [text for group in identities.formed(count, rng) for text in group.texts]


def test_no_term_or_name_that_is_kept_out_is_trained_on() -> None:
    terms = {term for slot in "apr" for term in identities.TERMS[slot]}
    assert not terms & KEPT_OUT_TERMS
    assert not {*identities.TERMS["n"], *NAMES} & KEPT_OUT_NAMES


def test_no_form_of_the_gate_is_trained_on() -> None:
    made = {identities.filled(form, slot, "{}") for slot, by_label in identities.FORMS.items()
            for forms in by_label.values() for form in forms}  # fmt: skip
    asked = {form for forms in (TERM_FORMS, NAME_FORMS) for of_frame in forms.values() for form in of_frame}
    assert not made & asked


def test_a_group_differs_in_one_place() -> None:
    rng = random.Random(4)
    for group in identities.formed(500, rng):
        assert len(group.texts) == identities.SIZE
        assert not any(re.search(r"[{}]", text) for text in group.texts)


def test_no_construction_that_is_asked_is_made() -> None:
    sentences = [example.text for example in constructed(20_000, random.Random(9))] + texts(3000, 9)
    asked = [text for cases in CONSTRUCTIONS.values() for text, _ in cases]
    assert not {tuple(words(text)) for text in sentences} & {tuple(words(text)) for text in asked}
    seen = set().union(*(in_a_row(text, 6) for text in sentences))
    assert not [text for text in asked if in_a_row(text, 6) & seen]
