"""One number that logits are divided by, so that confidences are the shares of right answers."""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from training.labels import LABELS
from training.metrics import Array, calibration_error, choices

Labelled = tuple[Array, Array]
"""Logits and true labels of one set."""


def fitted_temperature(sets: Mapping[str, Labelled]) -> float:
    """The temperature with the least cross-entropy; every set counts alike."""

    def cross_entropy(log_temperature: float) -> float:
        return float(np.mean([loss(logits / np.exp(log_temperature), truth) for logits, truth in sets.values()]))

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-1.5, 1.5), method="bounded").x))


def loss(logits: Array, truth: Array) -> float:
    """Mean cross-entropy over the classes that the set has."""
    classes, _ = choices(truth, np.ones((1, len(LABELS))))
    chances = log_softmax(logits[:, classes], axis=1)
    return float(-chances[np.arange(len(truth)), np.searchsorted(classes, truth)].mean())


def errors(sets: Mapping[str, Labelled], temperature: float) -> dict[str, float]:
    """Set → expected calibration error."""
    found = {}
    for name, (logits, truth) in sets.items():
        classes, chances = choices(truth, softmax(logits / temperature, axis=1))
        found[name] = calibration_error(chances.max(axis=1), classes[chances.argmax(axis=1)] == truth)
    return found
