"""Sentiment by the VADER lexicon (Hutto and Gilbert, 2014), with probabilities made from its compound score.

VADER gives no probabilities. Its compound score c in [-1, 1] means negative up to -0.05 and positive from 0.05 (its
authors' cut-offs). Here each side gets a logistic share of |c| that meets the neutral share exactly at the cut-off, so
the most probable label is always the one that the cut-offs name:

    odds of positive to neutral = exp(SLOPE * (c - CUT_OFF)), odds of negative to neutral = exp(SLOPE * (-c - CUT_OFF))
"""

from collections.abc import Sequence
from math import exp

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from prediction_service.runtimes.base import Classification

CUT_OFF = 0.05
"""Where VADER's authors draw the line between neutral and the rest."""

SLOPE = 5.0
"""How fast certainty grows with the compound score: 0.99 at its end, below 0.5 at the cut-off; not calibrated."""

QUICK_CHARACTERS = 2_000
"""About 1 ms: VADER needs some 0.5 µs a character."""

LABELS = ("negative", "neutral", "positive")


class LexiconRuntime:
    """The lexicon, loaded."""

    def __init__(self) -> None:
        self._analyzer = SentimentIntensityAnalyzer()

    def is_quick(self, texts: Sequence[str]) -> bool:
        """Judged by the number of characters."""
        return sum(map(len, texts)) <= QUICK_CHARACTERS

    def run(self, texts: Sequence[str]) -> list[Classification]:
        """Each text by itself: answers cannot depend on the company."""
        return [classification(self._analyzer.polarity_scores(text)["compound"]) for text in texts]


def classification(compound: float) -> Classification:
    """Label and probabilities for a compound score."""
    odds = {
        "negative": exp(SLOPE * (-compound - CUT_OFF)),
        "neutral": 1.0,
        "positive": exp(SLOPE * (compound - CUT_OFF)),
    }
    total = sum(odds.values())
    scores = {label: odds[label] / total for label in LABELS}
    label = max(LABELS, key=scores.__getitem__)
    return Classification(label, scores[label], scores)
