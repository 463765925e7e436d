"""Forms that a network judges differently for different names: which they are, by whom, and how far apart."""

import random

import pytest

pytest.importorskip("torch", reason="PyTorch, which `make install` leaves out")

import torch

from training import divided, identities
from training.corpus import Recipe
from training.labels import NEUTRAL
from training.training_tests.tiny import WORDS, tokenizer

LOOKED_AT = 300
NAMES = identities.TERMS["n"]


class ByTheAlphabet(torch.nn.Module):
    """The later a name stands in the alphabet, the surer it is that a text is neutral."""

    def __init__(self, weight: float) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.tensor(weight))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        neutral = self.weight * (ids * mask).sum(1) / len(WORDS)
        return torch.stack([torch.zeros_like(neutral), neutral, torch.zeros_like(neutral)], dim=1)


@pytest.fixture
def found() -> list[divided.Divided]:
    return divided.divided(ByTheAlphabet(2.0), tokenizer(), LOOKED_AT, random.Random(4))


def test_every_form_stands_there_once_the_widest_gap_first(found: list[divided.Divided]) -> None:
    assert LOOKED_AT * 0.9 < len({one.form for one in found}) == len(found) <= LOOKED_AT
    gaps = [one.gap for one in found]
    assert gaps == sorted(gaps, reverse=True)
    assert gaps[0] > gaps[-1] > 0


def test_the_gap_is_that_between_its_two_names_in_the_probability_of_the_label(found: list[divided.Divided]) -> None:
    for one in found:
        ids = divided.ids_of(tokenizer(), [one.form.replace("{n}", name) for name in one.names])
        neutral = (2.0 * torch.tensor([sum(row) for row in ids]) / len(WORDS)).exp()
        chances = neutral / (neutral + 2) if one.label == NEUTRAL else 1 / (neutral + 2)
        assert one.gap == pytest.approx(float(chances[1] - chances[0]), abs=1e-5)


def test_the_names_are_those_that_are_furthest_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(divided, "LOOKED_AT_WITH", len(NAMES))
    found = divided.divided(ByTheAlphabet(2.0), tokenizer(), 20, random.Random(4))
    assert {one.label == NEUTRAL for one in found} == {True, False}
    for one in found:
        assert one.names == ((NAMES[0], NAMES[-1]) if one.label == NEUTRAL else (NAMES[-1], NAMES[0]))


def test_where_names_decide_nothing_there_is_no_gap() -> None:
    found = divided.divided(ByTheAlphabet(0.0), tokenizer(), 50, random.Random(4))
    assert {one.gap for one in found} == {0.0}


def test_a_text_is_cut_to_what_the_network_reads_at_once() -> None:
    (ids,) = divided.ids_of(tokenizer(), ["Wei " * 100])
    assert len(ids) == Recipe().max_tokens
