"""Figures of a classifier. Where a set has no neutral texts, the choice is between the two others.

That is how figures for SST-2 and IMDB are usually given: what a model gives to neutral is left out; the rest adds up
to 1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix

from training.labels import LABELS, NEGATIVE, NEUTRAL, POSITIVE

Array = np.ndarray[Any, Any]

BINS = 15
"""Of the expected calibration error: confidences from 0 to 1 in bins of the same width."""

RESAMPLES = 2000
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True)
class Figures:
    """One model on one set; `low` and `high` bound the set's usual figure with a probability of 95 %."""

    accuracy: float
    macro_f1: float
    macro_recall: float
    calibration_error: float
    three_way: float
    """Accuracy when neutral is a choice too, also where a set has no neutral texts."""
    low: float
    high: float


def figures(truth: Array, probabilities: Array, usual: str) -> Figures:
    """Everything about one model's answers to one set; `usual` is the figure whose interval is wanted."""
    classes, chances = choices(truth, probabilities)
    chosen = classes[chances.argmax(axis=1)]
    matrix = confusion_matrix(truth, chosen, labels=classes)
    low, high = interval(matrix, usual)
    return Figures(
        accuracy=float(accuracy(matrix)),
        macro_f1=float(macro_f1(matrix)),
        macro_recall=float(macro_recall(matrix)),
        calibration_error=calibration_error(chances.max(axis=1), chosen == truth),
        three_way=float((probabilities.argmax(axis=1) == truth).mean()),
        low=low,
        high=high,
    )


def choices(truth: Array, probabilities: Array) -> tuple[Array, Array]:
    """The classes that a set has, and the probability of each."""
    if NEUTRAL in truth:
        return np.arange(len(LABELS)), probabilities
    two = probabilities[:, [NEGATIVE, POSITIVE]]
    return np.array([NEGATIVE, POSITIVE]), two / two.sum(axis=1, keepdims=True)


def two_class(scores: Array) -> Array:
    """The choice between negative and positive."""
    return np.where(scores[:, POSITIVE] > scores[:, NEGATIVE], POSITIVE, NEGATIVE)


def calibration_error(confidences: Array, right: Array) -> float:
    """Mean distance between confidence and share of right answers, over bins of confidence, by their size."""
    bins = np.minimum((confidences * BINS).astype(int), BINS - 1)
    gaps = [abs(confidences[bins == b].sum() - right[bins == b].sum()) for b in range(BINS)]
    return float(sum(gaps) / len(confidences))


def accuracy(matrix: Array) -> Array:
    """Of confusion matrices, the last two axes: truth, choice."""
    return np.asarray(diagonal(matrix).sum(-1) / matrix.sum((-1, -2)))


def macro_recall(matrix: Array) -> Array:
    """Mean over the classes of the share of their texts that is found."""
    return np.asarray((diagonal(matrix) / np.maximum(matrix.sum(-1), 1)).mean(-1))


def macro_f1(matrix: Array) -> Array:
    """Mean over the classes of the harmonic mean of precision and recall."""
    return np.asarray((2 * diagonal(matrix) / np.maximum(matrix.sum(-1) + matrix.sum(-2), 1)).mean(-1))


def diagonal(matrix: Array) -> Array:
    """What was right, by class."""
    return np.asarray(np.diagonal(matrix, axis1=-2, axis2=-1))


FIGURES = {"accuracy": accuracy, "macro_f1": macro_f1, "macro_recall": macro_recall}


def interval(matrix: Array, usual: str) -> tuple[float, float]:
    """Bootstrap: what the figure would be on as many texts drawn from these."""
    cells = matrix.ravel() / matrix.sum()
    drawn = np.random.default_rng(1).multinomial(matrix.sum(), cells, RESAMPLES).reshape(-1, *matrix.shape)
    low, high = np.quantile(FIGURES[usual](drawn), (0.025, 0.975))
    return float(low), float(high)
