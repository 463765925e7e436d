"""What is done to logits so that confidences are the shares of right answers: one divisor, and an offset a class."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.optimize import minimize, minimize_scalar
from scipy.special import log_softmax, softmax
from torch import nn

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


def read_calibration(file: Path) -> Calibration:
    """What `calibrate` wrote."""
    found = json.loads(file.read_text(encoding="utf-8"))
    return Calibration(found["temperature"], tuple(found["offsets"]))


def build_in(model: nn.Module, calibration: Calibration) -> None:
    """Changes the last layer so that the network gives calibrated logits."""
    with torch.no_grad():
        for parameter in model.head.parameters():
            parameter.div_(calibration.temperature)
        model.head.bias.add_(torch.tensor(calibration.offsets))


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


DOMAINS = {
    "films": ("sst2", "sst3"),
    "tweets": ("tweeteval",),
    "comments": ("goemotions3",),
    "shops": ("dynasent-r1", "dynasent-r2"),
    "long reviews": ("imdb",),
}
"""Domain → its dev sets."""


def leave_one_out(sets: Mapping[str, Labelled]) -> dict[str, tuple[float, dict[str, float]]]:
    """Domain → the temperature that fits the other domains, each counting alike, and its own errors with that."""
    found = {}
    for left_out, own in DOMAINS.items():
        others = [[sets[name] for name in names] for domain, names in DOMAINS.items() if domain != left_out]
        temperature = best_temperature(others)
        found[left_out] = temperature, errors({name: sets[name] for name in own}, Calibration(temperature))
    return found


def best_temperature(domains: Sequence[Sequence[Labelled]]) -> float:
    """The one with the least cross-entropy."""

    def cross_entropy(power: float) -> float:
        temperature = np.exp(power)
        return float(
            np.mean([np.mean([loss(logits / temperature, truth) for logits, truth in own]) for own in domains])
        )

    return float(np.exp(minimize_scalar(cross_entropy, bounds=(-1.0, 1.5), method="bounded").x))


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
