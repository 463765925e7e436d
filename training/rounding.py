"""Rounds a dense layer to its grid of 8 bits so that what it gives stays, not so that each of its weights does.

To the nearest, a polish is lost that moves every weight by less than half a step, though together they give something
else. So the inputs are gone through one by one, and what rounding one does to the outputs is made up for by those that
are still to come: GPTQ (Frantar et al. 2022, "GPTQ: accurate post-training quantization for generative pre-trained
transformers").
"""

from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

END = 127
"""Of the grid, in steps; where each output's largest weight lies, so that its step is a 127th of that."""

DAMPING = 0.01
"""Of the mean square of an input, added to that of each: texts do not show all that there is."""


def rounded(weights: Array, products: Array) -> Array:
    """Weights [outputs, inputs] on the grid, for inputs of which any two have this sum of products over some texts."""
    products = products + np.eye(len(products)) * products.diagonal().mean() * DAMPING
    order = np.argsort(-products.diagonal(), kind="stable")
    upper = np.linalg.cholesky(np.linalg.inv(products[order][:, order])).T
    step = np.abs(weights).max(1, keepdims=True).astype(np.float64) / END
    left = (weights / step)[:, order]
    largest = np.abs(left).argmax(1)
    ends = np.sign(left) * END
    for place in range(left.shape[1]):
        # The largest stays, or whoever reads the grid off the weights would find another one.
        whole = np.where(largest == place, ends[:, place], left[:, place].round().clip(-END, END))
        error = (left[:, place] - whole) / upper[place, place]
        left[:, place] = whole
        left[:, place + 1 :] -= np.outer(error, upper[place, place + 1 :])
    return np.asarray((left * step)[:, np.argsort(order)], dtype=np.float32)
