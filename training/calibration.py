"""What is done to logits so that confidences are the shares of right answers: one divisor, and an offset a class."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax, softmax

from training.labels import LABELS, NEUTRAL
from training.metrics import Array, calibration_error, choices

Labelled = tuple[Array, Array]
"""Logits and true labels of one set."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Logits divided by `temperature`, plus `offsets` by class (that of neutral is 0: only differences matter)."""

    temperature: float = 1.0
    offsets: tuple[float, ...] = (0.0,) * len(LABELS)

    def of(self, logits: Array) -> Array:
        """Calibrated logits."""
        return logits / self.temperature + np.array(self.offsets)


def fitted(sets: Mapping[str, Labelled]) -> Calibration:
    """The one with the least cross-entropy, where every set counts alike, and within a set every class.

    What comes in has other shares of the classes than any set, so their shares must not be learnt from the sets
    (Saerens et al. 2002 on what changed shares do to a classifier).
    """

    def calibration(values: Array) -> Calibration:
        return Calibration(float(np.exp(values[0])), tuple(np.insert(values[1:], NEUTRAL, 0.0).tolist()))

    def cross_entropy(values: Array) -> float:
        found = calibration(values)
        return float(np.mean([loss(found.of(logits), truth) for logits, truth in sets.values()]))

    return calibration(minimize(cross_entropy, np.zeros(len(LABELS)), method="Nelder-Mead").x)


def loss(logits: Array, truth: Array) -> float:
    """Cross-entropy over the classes that the set has, mean over classes of the mean over texts."""
    classes, _ = choices(truth, np.ones((1, len(LABELS))))
    chances = log_softmax(logits[:, classes], axis=1)
    losses = -chances[np.arange(len(truth)), np.searchsorted(classes, truth)]
    return float(np.mean([losses[truth == label].mean() for label in classes]))


def errors(sets: Mapping[str, Labelled], calibration: Calibration) -> dict[str, float]:
    """Set → expected calibration error."""
    found = {}
    for name, (logits, truth) in sets.items():
        classes, chances = choices(truth, softmax(calibration.of(logits), axis=1))
        found[name] = calibration_error(chances.max(axis=1), classes[chances.argmax(axis=1)] == truth)
    return found
