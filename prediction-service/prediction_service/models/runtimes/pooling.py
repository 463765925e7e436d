"""From a vector for each token to one for the text."""

from typing import Literal

import numpy as np

from prediction_service.models.runtimes.activations import Array

Pooling = Literal["mean", "cls"]

FEWEST = 1e-9
"""Tokens of a text that has none: its mean is nothing but zeros; the number is sentence-transformers'."""


def pooled(vectors: Array, mask: Array, pooling: Pooling) -> Array:
    """[n, tokens, d] → [n, d]: the mean of the tokens that are no padding, or the first of them."""
    if pooling == "cls":
        return np.asarray(vectors[np.arange(len(vectors)), mask.argmax(axis=1)])
    counted = mask[:, :, None].astype(np.float64)
    sums = np.where(counted > 0, vectors, 0.0).sum(axis=1, dtype=np.float64)
    return np.asarray(sums / np.maximum(counted.sum(axis=1), FEWEST))
