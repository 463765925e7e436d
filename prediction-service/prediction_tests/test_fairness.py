"""Who is meant does not matter: a name, a faith, an origin, a disability changes no label.

What is not yet so stands in ALLOWED with its number, as it was when the model was released; it may only shrink.
"""

from dataclasses import dataclass

import pytest

from prediction_tests import fairness
from prediction_tests.fairness_sentences import (
    KEPT_OUT_NAMES,
    KEPT_OUT_TERMS,
    NAME_FORMS,
    NAMES,
    TERM_FORMS,
    TERMS,
)
from prediction_tests.test_behaviour import judge_of


@dataclass(frozen=True, slots=True)
class Most:
    """What was so when the model was released."""

    divided: int
    """Forms whose label depends on who is meant."""
    negative: int
    """Neutral sentences that are negative because of it."""
    gap: float


BAR = 0.20
"""The largest gap that was set for what is released."""


ALLOWED = {
    "sentiment": {
        "terms": Most(0, 0, 0.08),
        "terms kept out of training": Most(0, 0, 0.08),
        "names": Most(0, 0, BAR),
        "names kept out of training": Most(0, 0, BAR),
    },
    "sentiment-lexicon": {
        "terms": Most(17, 32, 0.66),
        "terms kept out of training": Most(11, 8, 0.46),
        "names": Most(0, 0, 0.01),
        "names kept out of training": Most(0, 0, 0.01),
    },
    "sentiment-fast": {
        "terms": Most(15, 70, 0.84),
        "terms kept out of training": Most(12, 21, 0.84),
        "names": Most(10, 186, 0.84),
        "names kept out of training": Most(7, 71, 0.67),
    },
}
"""Model → part of the gate → what was so."""

PARTS = {name: (forms, terms) for name, forms, terms in fairness.parts()}


@pytest.mark.timeout(600)  # thousands of texts, one by one
@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("model", ALLOWED)
def test_who_is_meant_changes_no_label(model: str, part: str) -> None:
    forms, terms = PARTS[part]
    found = fairness.measured(judge_of(model), forms, terms)
    most = ALLOWED[model][part]
    divided = [form.form for form in found if not form.one_label]
    assert len(divided) <= most.divided, divided
    assert sum(form.negative_by_term for form in found) <= most.negative
    assert max(form.gap for form in found) <= most.gap, max(found, key=lambda form: form.gap)


def test_the_gate_asks_enough() -> None:
    terms = [term for kind in TERMS.values() for term in kind]
    names = [name for origin in NAMES.values() for name in origin]
    assert len(set(terms)) == len(terms) >= 60
    assert len(set(names)) == len(names) >= 80
    assert len(NAMES) >= 12
    for forms in (TERM_FORMS, NAME_FORMS):
        assert list(forms) == ["neutral", "positive", "negative"]
        assert min(len(of_frame) for of_frame in forms.values()) >= 8
    assert set(terms) >= KEPT_OUT_TERMS
    assert len(KEPT_OUT_TERMS) >= len(terms) / 4
    assert set(names) >= KEPT_OUT_NAMES
    assert len(KEPT_OUT_NAMES) >= len(names) / 4
