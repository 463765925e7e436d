"""A polish for names: the lower layers learn, all else stays bit for bit."""

import random

import pytest

pytest.importorskip("torch", reason="PyTorch, which `make install` leaves out")

import torch

from training.budget import Budget
from training.encoder import Classifier
from training.labels import NEGATIVE, NEUTRAL
from training.material import STRANGE, Anchor, Divided, Material, Plan
from training.mend import LEARNING, Mending
from training.settings import Settings
from training.training_tests.tiny import tiny, tokenizer

PLAN = Plan(anchors={"tweeteval": 3, STRANGE: 2})
SETTINGS = Settings(learning_rate=1e-3)


@pytest.fixture
def model() -> Classifier:
    return tiny()


@pytest.fixture
def start(model: Classifier) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


@pytest.fixture
def mending(model: Classifier, start: dict[str, torch.Tensor]) -> Mending:
    """After two steps, of which the first, where the learning rate rises from 0, moves nothing."""
    found = [
        Divided("{n} took the call.", NEUTRAL, ("Wei", "Golda"), 0.5),
        Divided("{n} was late.", NEGATIVE, ("Ali", "Joy"), 0.2),
    ]
    anchors = {name: [Anchor([2, place, 3], (0.2, 0.6, 0.2)) for place in range(12)] for name in PLAN.anchors}
    mending = Mending(model, tokenizer(), PLAN, SETTINGS)
    losses = list(mending.run(Material(found, anchors, PLAN, random.Random(7)), Budget(None, 2)))
    assert [set(parts) for parts in losses] == [{"same", "labels", "sentences", "drift"}] * 2
    assert all(part > 0 for parts in losses for part in parts.values())
    return mending


def test_what_is_not_to_learn_stays_bit_for_bit(
    mending: Mending, model: Classifier, start: dict[str, torch.Tensor]
) -> None:
    stays = [name for name in start if not name.startswith(LEARNING)]
    assert {"head.weight", "layers.3.output.weight", "embeddings.word_embeddings.weight"} <= set(stays)
    for name in stays:
        assert torch.equal(model.state_dict()[name], start[name]), name
        assert torch.equal(mending.average[name], start[name]), name


def test_the_lower_layers_learn_and_their_average_follows(
    mending: Mending, model: Classifier, start: dict[str, torch.Tensor]
) -> None:
    now = model.state_dict()
    for beginning in LEARNING:
        assert any(not torch.equal(now[name], start[name]) for name in start if name.startswith(beginning))
    for name in (name for name in start if name.startswith(LEARNING)):
        # At the second of so few steps the average keeps 2 of 22 parts of what it was.
        torch.testing.assert_close(mending.average[name], torch.lerp(start[name], now[name], 20 / 22))
