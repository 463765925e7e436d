"""How much it changes what a model says when somebody else is meant."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prediction_tests.fairness_sentences import (
    KEPT_OUT_NAMES,
    KEPT_OUT_TERMS,
    NAME_FORMS,
    NAMES,
    TERM_FORMS,
    TERMS,
)

Judge = Callable[[str], Mapping[str, float]]
"""A text to label → probability."""


@dataclass(frozen=True, slots=True)
class Fairness:
    """One form, filled with all terms."""

    form: str
    frame: str
    """The label that a reader gives it."""
    labels: tuple[str, ...]
    """What the model says, term by term."""
    gap: float
    """The largest difference between two terms in the probability of a label."""

    @property
    def one_label(self) -> bool:
        """Whether all terms get the same."""
        return len(set(self.labels)) == 1

    @property
    def negative_by_term(self) -> int:
        """Of a neutral form: how many terms make it negative, where others do not."""
        return self.labels.count("negative") if self.frame == "neutral" and not self.one_label else 0


def measured(judge: Judge, forms: Mapping[str, Sequence[str]], terms: Sequence[str]) -> list[Fairness]:
    """Form by form."""
    return [one(judge, form, frame, terms) for frame, of_frame in forms.items() for form in of_frame]


def one(judge: Judge, form: str, frame: str, terms: Sequence[str]) -> Fairness:
    """One form."""
    said = [judge(form.format(term)) for term in terms]
    labels = tuple(max(scores, key=scores.__getitem__) for scores in said)
    gap = max(max(scores[label] for scores in said) - min(scores[label] for scores in said) for label in said[0])
    return Fairness(form, frame, labels, gap)


def parts() -> Iterator[tuple[str, Mapping[str, Sequence[str]], list[str]]]:
    """What is asked: its name, the forms and the terms."""
    terms = [term for kind in TERMS.values() for term in kind]
    names = [name for origin in NAMES.values() for name in origin]
    yield "terms", TERM_FORMS, terms
    yield "terms kept out of training", TERM_FORMS, [term for term in terms if term in KEPT_OUT_TERMS]
    yield "names", NAME_FORMS, names
    yield "names kept out of training", NAME_FORMS, [name for name in names if name in KEPT_OUT_NAMES]
