"""From what a model says about the windows of a long text to what it says about the text."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from prediction_service.models.runtimes.activations import Array
from prediction_service.tasks.classification import SUM_TOLERANCE

MOST_SHARPENING = 3.0
"""Upper limit of the factor for logits, reached at nine windows: the data it was chosen on has no longer texts."""


def combined_logits(scores: Sequence[Array], windows: Sequence[Any]) -> Array:
    """Logits, averaged and multiplied by the root of the number of windows, at most MOST_SHARPENING.

    Several windows that agree are stronger evidence than one, though weaker than if they were independent. Measured on
    reviews, the confidence is then the share of correct labels, which it is not with the plain average.
    """
    return np.asarray(averaged(scores, windows) * min(np.sqrt(shares(windows).sum()), MOST_SHARPENING))


def combined_probabilities(scores: Sequence[Array], windows: Sequence[Any]) -> Array:
    """The average; NaN where a window is invalid, which must not disappear in it."""
    rows = np.array(scores)
    if not (np.abs(rows.sum(axis=1) - 1.0) <= SUM_TOLERANCE).all():
        return np.full(rows.shape[1], np.nan)
    return averaged(scores, windows)


def averaged(scores: Sequence[Array], windows: Sequence[Any]) -> Array:
    """The mean, in which each window counts by its number of tokens."""
    counted = shares(windows)
    return np.asarray(counted @ np.array(scores) / counted.sum())


def surest(scores: Sequence[Array], windows: Sequence[Any]) -> Array:
    """For each label the largest number: what applies to a part of a text applies to the text."""
    return np.asarray(np.array(scores).max(axis=0))


def shares(windows: Sequence[Any]) -> Array:
    """How long each is; the longest is 1."""
    return np.array([len(window) for window in windows]) / max(map(len, windows))
