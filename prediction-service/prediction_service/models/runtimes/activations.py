"""From logits to probabilities."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def softmax(scores: Array) -> Array:
    """Of each row, adding up to 1; NaN where one of its logits is none or infinite."""
    with np.errstate(invalid="ignore"):
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def sigmoid(scores: Array) -> Array:
    """Of each number alone; NaN stays NaN."""
    with np.errstate(over="ignore"):  # exp(1000) is infinite, and 1 / infinity is 0
        return np.asarray(1.0 / (1.0 + np.exp(-scores)))
