"""What an epoch is made of: rows of several sets, slightly altered, and texts that nobody can read."""

import random
import re
import string
from collections import Counter
from dataclasses import dataclass, field
from itertools import islice

from tokenizers import Tokenizer

from training.constructions import NAMES, constructed
from training.datasets import Example
from training.labels import LABELS

TREEBANK = (
    (re.compile(r" (n't|'s|'re|'ve|'ll|'d|'m)\b"), r"\1"),
    (re.compile(r" ([,.;:!?%)])"), r"\1"),
    (re.compile(r"([($]) "), r"\1"),
)
"""Turns the treebank's spacing into that of people."""

ALL_UNKNOWN = 0.5
"""Share of the unreadable texts that have no readable word at all."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an epoch is mixed."""

    rates: dict[str, float] = field(default_factory=lambda: {"phrases": 0.6})
    """Set → share of its rows in each epoch; 1 for those not named."""
    unreadable: int = 3000
    """Texts without meaning, whose target is that every class is as likely."""
    constructed: int = 0
    """Sentences of `constructions`."""
    teacher_share: float = 0.5
    """How much the opinion of a teacher counts beside the label, where there is one."""
    typing_mistakes: float = 0.08
    """Share of the texts that get one."""
    spacing: float = 0.5
    """Share of the treebank's texts that get the usual spacing."""
    label_smoothing: float = 0.05
    class_weight_power: float = 0.6
    """0: every row counts alike; 1: every class of a set counts alike."""
    class_weight_powers: dict[str, float] = field(default_factory=dict)
    """Set → another power."""
    max_tokens: int = 64
    """Of longer texts the first or the last tokens are taken, at random."""


@dataclass(frozen=True, slots=True)
class Row:
    """One text to learn from."""

    ids: list[int]
    target: tuple[float, ...]
    weight: float


class Corpus:
    """Makes each epoch, always the same one for the same seed and number."""

    def __init__(self, sets: dict[str, list[Example]], tokenizer: Tokenizer, recipe: Recipe, seed: int) -> None:
        self._sets, self._tokenizer, self._recipe, self._seed = sets, tokenizer, recipe, seed
        powers = {name: recipe.class_weight_powers.get(name, recipe.class_weight_power) for name in sets}
        self._weights = {name: class_weights(rows, powers[name]) for name, rows in sets.items()}

    def epoch(self, number: int, batch_rows: int) -> list[list[Row]]:
        """Batches of texts of similar length, in random order."""
        rng = random.Random(f"{self._seed}/{number}")  # noqa: S311 - nothing secret is drawn
        rows = [row for name in self._sets for row in self._rows(name, number, rng)]
        rows += self._constructed(number)
        rows += [self._unreadable(rng) for _ in range(self._recipe.unreadable)]
        rng.shuffle(rows)
        chunk = batch_rows * 64
        batches = [
            batch
            for start in range(0, len(rows), chunk)
            for batch in batched(sorted(rows[start : start + chunk], key=lambda row: len(row.ids)), batch_rows)
        ]
        rng.shuffle(batches)
        return batches

    def _rows(self, name: str, number: int, rng: random.Random) -> list[Row]:
        examples = share(self._sets[name], self._recipe.rates.get(name, 1.0), number, self._seed)
        texts = [self._altered(name, example.text, rng) for example in examples]
        encodings = self._tokenizer.encode_batch(texts)
        weights = self._weights[name]
        return [
            Row(
                cut(encoding.ids, self._recipe.max_tokens, rng),
                self._target(example),
                weights[example.label],
            )
            for example, encoding in zip(examples, encodings, strict=True)
        ]

    def _target(self, example: Example) -> tuple[float, ...]:
        """The label with a little doubt, and with a teacher's opinion mixed in."""
        label = smooth(example.label, self._recipe.label_smoothing)
        if example.opinion is None:
            return label
        share = self._recipe.teacher_share
        return tuple((1 - share) * ours + share * theirs for ours, theirs in zip(label, example.opinion, strict=True))

    def _constructed(self, number: int) -> list[Row]:
        rng = random.Random(f"{self._seed}/constructed/{number}")  # noqa: S311 - nothing secret is drawn
        examples = constructed(self._recipe.constructed, rng)
        encodings = self._tokenizer.encode_batch([example.text for example in examples])
        return [Row(encoding.ids[: self._recipe.max_tokens], self._target(example), 1.0)
                for example, encoding in zip(examples, encodings, strict=True)]  # fmt: skip

    def _altered(self, name: str, text: str, rng: random.Random) -> str:
        """The text as somebody else might have written it."""
        text = re.sub(r"\[NAME\]", lambda _: rng.choice(NAMES), text)
        if name in {"sst2", "sst3", "phrases"} and rng.random() < self._recipe.spacing:
            for pattern, written in TREEBANK:
                text = pattern.sub(written, text)
        return mistyped(text, rng) if rng.random() < self._recipe.typing_mistakes else text

    def _unreadable(self, rng: random.Random) -> Row:
        text = unreadable(rng)
        return Row(self._tokenizer.encode(text).ids[: self._recipe.max_tokens], (1 / len(LABELS),) * len(LABELS), 1.0)


def share(rows: list[Example], rate: float, number: int, seed: int) -> list[Example]:
    """This epoch's part of a set; the epochs together take every row before they take one again."""
    wanted = round(len(rows) * rate)
    first = number * wanted
    order: list[Example] = []
    for turn in range(first // len(rows), (first + wanted) // len(rows) + 1):
        shuffled = list(rows)
        random.Random(f"{seed}/share/{turn}").shuffle(shuffled)  # noqa: S311 - nothing secret is drawn
        order += shuffled
    return order[first % len(rows) :][:wanted]


def class_weights(rows: list[Example], power: float) -> list[float]:
    """Rare classes of a set count more; the mean over its rows is 1."""
    counts = Counter(row.label for row in rows)
    raw = [counts[label] ** -power if counts[label] else 0.0 for label in range(len(LABELS))]
    mean = sum(raw[label] * count for label, count in counts.items()) / len(rows)
    return [weight / mean for weight in raw]


def smooth(label: int, smoothing: float) -> tuple[float, ...]:
    """The label with a little doubt."""
    return tuple(smoothing / len(LABELS) + (1 - smoothing if index == label else 0.0) for index in range(len(LABELS)))


def cut(ids: list[int], most: int, rng: random.Random) -> list[int]:
    """The first or the last tokens, between the marks of beginning and end."""
    if len(ids) <= most:
        return ids
    inner = ids[1:-1]
    return [ids[0], *(inner[: most - 2] if rng.random() < 0.5 else inner[-(most - 2) :]), ids[-1]]


def mistyped(text: str, rng: random.Random) -> str:
    """One letter dropped, doubled, swapped with the next or replaced."""
    if len(text) < 8:
        return text
    place = rng.randrange(1, len(text) - 2)
    before, letter, following, after = text[:place], text[place], text[place + 1], text[place + 2 :]
    return before + rng.choice((
        following, letter * 2 + following, following + letter, rng.choice(string.ascii_lowercase) + following
    )) + after  # fmt: skip


def unreadable(rng: random.Random) -> str:
    """Nothing, words in letters that are not ours, or keys hit at random."""
    count = min(int(rng.expovariate(1 / 6)), 40)
    if rng.random() < ALL_UNKNOWN:
        words = ["\u6f22" if rng.random() < 0.5 else "\u0436\u0436" for _ in range(count)]
    else:
        words = ["".join(rng.choices(string.ascii_lowercase, k=rng.randint(3, 9))) for _ in range(count)]
    marks = rng.choice((".", "!", "?", "", "", "...", "!!!"))
    return " ".join(word + ("," if rng.random() < 0.1 else "") for word in words) + marks


def batched(rows: list[Row], size: int) -> list[list[Row]]:
    """Consecutive groups; itertools has this from Python 3.12 on."""
    iterator = iter(rows)
    return list(iter(lambda: list(islice(iterator, size)), []))
