"""Sentences that the training makes by itself: none of them gives away what the tests of behaviour ask."""

import random
import re
from itertools import chain

from prediction_tests.behaviour_sentences import EXPECTED, SAME, STRONGER
from training.constructions import constructed

LONGEST_SHARED = 5
"""Words in a row that a sentence of the tests may have in common with a made one ("the beach was clean and")."""

ASKED = [
    *(text for cases in EXPECTED.values() for text, _ in cases),
    *chain.from_iterable(chain.from_iterable(SAME.values())),
    *chain.from_iterable((weaker, stronger) for weaker, stronger, _ in STRONGER),
]


def made(count: int, seed: int) -> list[str]:
    return [example.text for example in constructed(count, random.Random(seed))]


def words(text: str) -> list[str]:
    return re.findall(r"[\w']+", text.lower())


def in_a_row(text: str, count: int) -> set[tuple[str, ...]]:
    return set(zip(*(words(text)[start:] for start in range(count)), strict=False))


def test_no_sentence_of_the_tests_of_behaviour_is_made() -> None:
    sentences = made(20_000, seed=7)
    assert not {tuple(words(text)) for text in sentences} & {tuple(words(text)) for text in ASKED}
    seen = set().union(*(in_a_row(text, LONGEST_SHARED + 1) for text in sentences))
    assert not [text for text in ASKED if in_a_row(text, LONGEST_SHARED + 1) & seen]


def test_the_same_seed_makes_the_same_sentences() -> None:
    assert made(100, seed=3) == made(100, seed=3) != made(100, seed=4)


def test_every_construction_has_a_counterpart_with_another_label() -> None:
    labels = [example.label for example in constructed(3_000, random.Random(5))]
    shares = [labels.count(label) / len(labels) for label in range(3)]
    assert min(shares) > 0.15, shares


def test_no_form_is_left_unfilled() -> None:
    assert not [text for text in made(20_000, seed=11) if re.search(r"[{}]|\s{2}|^\s|\s$", text)]
