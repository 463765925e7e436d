"""Figures of a classifier."""

from typing import Any

import numpy as np

from training.labels import NEGATIVE, POSITIVE

Array = np.ndarray[Any, Any]


def two_class(scores: Array) -> Array:
    """The choice between negative and positive, for sets that have no neutral."""
    return np.where(scores[:, POSITIVE] > scores[:, NEGATIVE], POSITIVE, NEGATIVE)
