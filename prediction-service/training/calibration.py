"""One number that logits are divided by, so that confidences are the shares of right answers."""

from collections.abc import Mapping

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from training.labels import LABELS
from training.metrics import Array, calibration_error, choices

Labelled = tuple[Array, Array]
"""Logits and true labels of one set."""


MOST_MODESTY = 0.03
"""By how much the share of right answers may be above the mean confidence, on a set of a domain that was trained on."""

TEMPERATURES = np.geomspace(0.25, 4.0, 400)


def chosen_temperature(home: Mapping[str, Labelled], abroad: Mapping[str, Labelled]) -> float:
    """The one that fits all sets together, unless it would make answers on a set of our own domains too modest.

    Elsewhere a network is surer than it should be, so the highest temperature that does no harm at home is wanted.
    """
    fitted = fitted_temperature({**home, **abroad})
    allowed = [
        temperature
        for temperature in TEMPERATURES
        if all(modesty(*labelled, temperature) <= MOST_MODESTY for labelled in home.values())
    ]
    return float(min(fitted, max(allowed, default=TEMPERATURES[0])))


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


def modesty(logits: Array, truth: Array, temperature: float) -> float:
    """Share of right answers less mean confidence."""
    classes, chances = choices(truth, softmax(logits / temperature, axis=1))
    return float((classes[chances.argmax(axis=1)] == truth).mean() - chances.max(axis=1).mean())


def errors(sets: Mapping[str, Labelled], temperature: float) -> dict[str, float]:
    """Set → expected calibration error."""
    found = {}
    for name, (logits, truth) in sets.items():
        classes, chances = choices(truth, softmax(logits / temperature, axis=1))
        found[name] = calibration_error(chances.max(axis=1), classes[chances.argmax(axis=1)] == truth)
    return found
