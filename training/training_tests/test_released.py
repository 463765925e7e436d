"""Weights read back from a file of 8 bits: those that went in, but for what rounding takes."""

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="PyTorch, which `make install` leaves out")

import torch

from training.encoder import Classifier
from training.export import to_8_bits, to_onnx
from training.outliers import Parted, part
from training.released import WORDS, read_back
from training.training_tests.tiny import SHAPE, tiny

END = 127
"""Of the grid of 8 bits, in steps from nothing."""


@pytest.fixture
def model() -> Classifier:
    return tiny()


@pytest.fixture
def file(model: Classifier, tmp_path: Path) -> Path:
    """As `export` leaves it before it is drawn for one text a call."""
    parted = tiny()
    parted.load_state_dict(model.state_dict())
    part(parted, [[2, 5, 6, 3], [2, 9, 3]])
    assert isinstance(parted.layers[0].attention.value, Parted)
    to_onnx(parted, tmp_path / "exact.onnx")
    to_8_bits(tmp_path / "exact.onnx", tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def test_no_weight_is_more_than_half_a_step_of_its_grid_away(model: Classifier, file: Path) -> None:
    found = read_back(file)
    weights = model.state_dict()
    dense = [name for name, values in weights.items() if values.ndim > 1 and not name.startswith("embeddings.")]
    assert len(dense) == 6 * SHAPE.layers + 1
    # Words have one grid, dense layers one for each output.
    ends = {name: weights[name].abs().amax(1, keepdim=True) for name in dense} | {WORDS: weights[WORDS].abs().max()}
    for name, end in ends.items():
        assert ((found[name] - weights[name]).abs() <= 0.501 * end / END).all(), name


def test_what_was_never_in_8_bits_is_the_same(model: Classifier, file: Path) -> None:
    found = read_back(file)
    same = [name for name, weights in model.state_dict().items() if weights.ndim == 1]
    for name in [*same, "embeddings.position_embeddings.weight"]:
        torch.testing.assert_close(found[name], model.state_dict()[name], rtol=0, atol=0)
    segments = model.state_dict()["embeddings.token_type_embeddings.weight"]
    torch.testing.assert_close(found["embeddings.token_type_embeddings.weight"][0], segments[0], rtol=0, atol=0)


def test_they_make_a_network_that_says_nearly_the_same(model: Classifier, file: Path) -> None:
    restored = Classifier(SHAPE)
    restored.load_state_dict(read_back(file))
    ids = torch.tensor([[2, 7, 11, 4, 3]])
    with torch.inference_mode():
        expected, found = (one.eval()(ids, torch.ones_like(ids)) for one in (model, restored))
    assert 0 < (found - expected).abs().max() < 0.05 * expected.abs().max()
