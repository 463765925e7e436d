"""What bigger teachers said of the training texts: logits in a file, joined to the rows that they are about.

The file has one array for each training part, in the order of its rows, columns as in
LABELS; rows that were not asked about are NaN. `imdb_sentences` are single sentences of the long reviews, of which
`imdb_sentences_at` tells the review, the beginning and the end.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from scipy.special import softmax

from training.datasets import HELD_OUT, TRAIN, Example, path, read
from training.metrics import Array

SOFTNESS = 1.5
"""Temperature: teachers have seen these texts and are surer of them than of others."""

SENTENCES = "sentences"
"""The set of the reviews' sentences, which have no labels."""


def taught(
    sets: dict[str, list[Example]], file: Path, data: Path, offsets: tuple[float, ...]
) -> dict[str, list[Example]]:
    """The sets with the teachers' opinions, and the sentences. `offsets` are added to the softened logits.

    Raises ValueError when the file is about other sets.
    """
    told = np.load(file)
    joined = {
        name: with_opinions(rows, soft(told[array_of(name)], offsets)) for name, rows in sets.items() if name != "imdb"
    }
    first, last = (
        [row for index, row in enumerate(soft(told[f"{array_of('imdb')}_{end}"], offsets)) if index % HELD_OUT]
        for end in ("first", "last")
    )
    reviews = [
        dataclasses.replace(row, opinion_of_end=tuple(end.tolist()))
        for row, end in zip(with_opinions(sets["imdb"], first), last, strict=True)
    ]
    return joined | {"imdb": reviews, SENTENCES: sentences(told, data, offsets)}


def array_of(name: str) -> str:
    """The name of a set's array."""
    return TRAIN[name].replace("/", "__")


def soft(logits: Array, offsets: tuple[float, ...]) -> Array:
    """Softened probabilities."""
    return np.asarray(softmax(logits.astype(np.float64) / SOFTNESS + np.array(offsets), axis=1))


def with_opinions(rows: list[Example], chances: Sequence[Array] | Array) -> list[Example]:
    """Row by row; NaN is none."""
    return [
        dataclasses.replace(row, opinion=None if np.isnan(chance[0]) else tuple(chance.tolist()))
        for row, chance in zip(rows, chances, strict=True)
    ]


def sentences(told: Mapping[str, Array], data: Path, offsets: tuple[float, ...]) -> list[Example]:
    """Cut out of the reviews."""
    reviews = read(path(data, TRAIN["imdb"]))
    places, chances = told["imdb_sentences_at"].tolist(), soft(told["imdb_sentences"], offsets).tolist()
    return [
        Example(reviews[review].text[start:end], None, tuple(chance))
        for (review, start, end), chance in zip(places, chances, strict=True)
    ]
