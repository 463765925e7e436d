"""What rounding to 8 bits has to keep: what a layer gives for inputs as they come, and the grid that is read off it."""

import numpy as np
import pytest

from training.rounding import END, Array, rounded

OUTPUTS, INPUTS, SEEN = 24, 96, 1500


@pytest.fixture
def chance() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def inputs(chance: np.random.Generator) -> Array:
    """As in a network: a few directions make most of them, and no two are independent."""
    few = chance.normal(size=(SEEN, 12)) @ chance.normal(size=(12, INPUTS))
    return few + 0.2 * chance.normal(size=(SEEN, INPUTS))


@pytest.fixture
def start(chance: np.random.Generator) -> Array:
    """Weights that were read back from 8 bits."""
    weights = chance.normal(size=(OUTPUTS, INPUTS)).astype(np.float32)
    return nearest(weights, step_of(weights))


def step_of(weights: Array) -> Array:
    return np.abs(weights).max(1, keepdims=True) / END


def nearest(weights: Array, step: Array) -> Array:
    return (weights / step).round() * step


def polished(start: Array, chance: np.random.Generator) -> Array:
    """Each weight moves by less than half a step of the grid, but for the largest, which makes the grid."""
    moved = start + chance.uniform(-0.3, 0.3, size=start.shape) * step_of(start)
    return np.where(np.abs(start) == np.abs(start).max(1, keepdims=True), start, moved).astype(np.float32)


def test_every_weight_is_on_the_grid_and_the_largest_stays(inputs: Array, chance: np.random.Generator) -> None:
    weights = chance.normal(size=(OUTPUTS, INPUTS)).astype(np.float32)
    found = rounded(weights, inputs.T @ inputs)
    steps = found / step_of(found)
    np.testing.assert_allclose(steps, steps.round(), atol=1e-3)
    np.testing.assert_allclose(step_of(found), step_of(weights), rtol=1e-6)


def test_what_is_on_the_grid_already_stays(inputs: Array, start: Array) -> None:
    np.testing.assert_allclose(rounded(start, inputs.T @ inputs), start, atol=1e-5)


def test_a_polish_of_less_than_half_a_step_is_kept(inputs: Array, start: Array, chance: np.random.Generator) -> None:
    wanted = polished(start, chance)
    np.testing.assert_allclose(nearest(wanted, step_of(start)), start, atol=1e-5)  # what would be left of it
    others = inputs[: SEEN // 2], inputs[SEEN // 2 :]
    found = rounded(wanted, others[0].T @ others[0])
    lost, kept = (np.square(others[1] @ (weights - wanted).T).mean() for weights in (start, found))
    assert kept < lost / 4


def test_an_input_that_is_never_there_does_no_harm(inputs: Array, chance: np.random.Generator) -> None:
    weights = chance.normal(size=(OUTPUTS, INPUTS)).astype(np.float32)
    weights[:, 3] = inputs[:, 3] = 0.0
    found = rounded(weights, inputs.T @ inputs)
    assert np.isfinite(found).all()
    assert not found[:, 3].any()
