"""VADER: a word list with rules for negation, emphasis and emoji (C. J. Hutto and E. Gilbert, 2014)."""

import re
from collections.abc import Sequence
from math import exp

from vaderSentiment.vaderSentiment import NEGATE, SentimentIntensityAnalyzer

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.manifest import Manifest

LABELS = ("positive", "negative", "neutral")

CUT_OFF = 0.04995
"""VADER's authors call a compound score of 0.05 or more positive, of -0.05 or less negative. Scores have four decimals,
so a cut-off halfway between 0.0499 and 0.05 means the same and is never hit exactly."""

TEMPERATURE = 0.45
"""How slowly probabilities change with the distance from a cut-off. Fitted on 3,600 labelled sentences of four public
sets so that the mean confidence (0.57) is the share of labels that are right (0.56)."""

NEGATIONS = frozenset(NEGATE)
INTENSIFIED = frozenset({"so", "this"})
"""`never so` and `never this` emphasize instead of negating."""

QUICK_CHARACTERS = 600
"""Computed on the event loop up to this length: at most about 3 µs per character."""

EMOJI_WORTH = 10
"""Characters of usual cost in one emoji, which VADER replaces with the words that describe it."""


class LexiconRuntime:
    """VADER's analyzer, with probabilities made from its scores."""

    def __init__(self, manifest: Manifest) -> None:
        if not manifest.is_text_classification:
            raise ModelError("the lexicon makes one label of one text: it has no inputs to declare and no other task")
        if set(manifest.labels) != set(LABELS):
            raise ModelError(f"the lexicon's labels are {', '.join(LABELS)}")
        self._order = [LABELS.index(label) for label in manifest.labels]
        self._analyzer = LinearAnalyzer()
        self._emoji = re.compile(f"[{''.join(map(re.escape, filter(is_one_character, self._analyzer.emojis)))}]")

    def compute(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text the probability of each label."""
        return [self._probabilities(text) for text in texts]

    def _probabilities(self, text: str) -> list[float]:
        by_label = probabilities_of(self._analyzer.polarity_scores(text)["compound"])
        return [by_label[index] for index in self._order]

    def is_quick(self, texts: Sequence[str]) -> bool:
        """Whether they are short: the time per character is bounded."""
        return sum(map(self.weight, texts)) <= QUICK_CHARACTERS

    def weight(self, text: str) -> int:
        """Its length in characters of usual cost."""
        return len(text) if text.isascii() else len(text) + (EMOJI_WORTH - 1) * len(self._emoji.findall(text))

    def stop(self) -> None:
        """Its calls end by themselves: the time per character is bounded."""


def probabilities_of(compound: float) -> tuple[float, float, float]:
    """Probabilities of positive, negative and neutral for VADER's compound score, from -1 to 1.

    VADER gives a score and no probabilities; this is the multinomial logit over the distances from the cut-offs. It
    adds up to 1, and its largest part is the label that the cut-offs choose.
    """
    positive = exp((compound - CUT_OFF) / TEMPERATURE)
    negative = exp((-compound - CUT_OFF) / TEMPERATURE)
    total = positive + negative + 1.0
    return positive / total, negative / total, 1.0 / total


def is_one_character(emoji: str) -> bool:
    """Whether an emoji is a single character; the others are sequences of those, with joiners."""
    return len(emoji) == 1


def is_negation(word: str) -> bool:
    """Whether the rule for negations concerns this word."""
    lower = word.lower()
    return lower in NEGATIONS or "n't" in lower


class LinearAnalyzer(SentimentIntensityAnalyzer):  # type: ignore[misc]  # the package carries no types
    """The same scores in linear time.

    The original copies the whole text in lower case for every sentiment word: 10,000 emoji keep it busy for 22 s. These
    two rules look at three words before and two after the word in question, so they are given only those; and the most
    expensive one is skipped where no word can be a negation.
    """

    def _negation_check(self, valence: float, words: list[str], start_i: int, i: int) -> float:
        if not is_negation(words[i - start_i - 1]) and not (start_i == 2 and words[i - 1].lower() in INTENSIFIED):
            return valence
        first = max(i - 3, 0)
        return super()._negation_check(valence, words[first : i + 1], start_i, i - first)  # type: ignore[no-any-return]

    def _special_idioms_check(self, valence: float, words: list[str], i: int) -> float:
        return super()._special_idioms_check(valence, words[i - 3 : i + 3], 3)  # type: ignore[no-any-return]
