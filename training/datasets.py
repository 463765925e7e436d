"""Labelled sets in a folder: `<set>/<part>.tsv.gz`, UTF-8, no header, no quoting, text<TAB>label."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from training.labels import LABELS

HELD_OUT = 10
"""Of the sets that come without a dev part, every tenth text is kept for one."""


@dataclass(frozen=True, slots=True)
class Example:
    """A text and the index of its label; `opinion` is what a teacher gives to each class, if one was asked."""

    text: str
    label: int | None
    """None: nobody said; there is an opinion then."""
    opinion: tuple[float, ...] | None = None
    opinion_of_end: tuple[float, ...] | None = None
    """The same of the last tokens of a long text, where `opinion` is about the first."""
    doubt: float | None = None
    """How little the label says, from 0 to 1; None: as little as any label."""


TRAIN = {
    "sst3": "sst3/train",
    "phrases": "sst3/train_phrases",
    "sst2": "sst2/train",
    "tweeteval": "tweeteval/train_rebuilt",
    "goemotions3": "goemotions3/train",
    "imdb": "imdb/train_sample",
}
DEV = {
    "sst2": "sst2/dev",
    "sst3": "sst3/dev",
    "tweeteval": "tweeteval/val",
    "goemotions3": "goemotions3/dev",
    "dynasent-r1": "dynasent/r1_dev",
    "dynasent-r2": "dynasent/r2_dev",
    "imdb": "imdb/train_sample",
}
"""What settings are chosen by; DynaSent is another domain than all that is trained on."""

TEST = {
    "sst2": "sst2/test",
    "sst3": "sst3/test",
    "tweeteval": "tweeteval/test",
    "goemotions3": "goemotions3/test",
    "imdb": "imdb/test_sample",
}
"""What is looked at once, at the end."""


def read(file: Path) -> list[Example]:
    """Every row of one file. Raises ValueError at a label that is none of ours."""
    with gzip.open(file, "rt", encoding="utf-8", newline="\n") as lines:
        rows = [line.rstrip("\r\n").split("\t") for line in lines]
    return [Example(text, LABELS.index(label)) for text, label in rows]


def read_train(folder: Path) -> dict[str, list[Example]]:
    """Set → its training rows."""
    return {name: kept(name, read(path(folder, part)), dev=False) for name, part in TRAIN.items()}


def read_dev(folder: Path) -> dict[str, list[Example]]:
    """Set → its dev rows."""
    return {name: kept(name, read(path(folder, part)), dev=True) for name, part in DEV.items()}


def read_test(folder: Path) -> dict[str, list[Example]]:
    """Set → its test rows."""
    return {name: read(path(folder, part)) for name, part in TEST.items()}


def path(folder: Path, part: str) -> Path:
    """Where a part lies."""
    return folder / f"{part}.tsv.gz"


def kept(name: str, rows: list[Example], *, dev: bool) -> list[Example]:
    """The rows of one side where both sides come from one file."""
    if TRAIN.get(name) != DEV.get(name):
        return rows
    return [row for index, row in enumerate(rows) if (index % HELD_OUT == 0) is dev]


def checksum(file: Path) -> str:
    """Names the very data of a run."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
