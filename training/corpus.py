"""What an epoch is made of: rows of several sets, slightly altered, and texts that nobody can read."""

import dataclasses
import random
import re
import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, islice

from tokenizers import Tokenizer

from training import identities
from training.constructions import NAMES, constructed
from training.datasets import Example
from training.foreign import Language
from training.labels import LABELS

TREEBANK = (
    (re.compile(r" (n't|'s|'re|'ve|'ll|'d|'m)\b"), r"\1"),
    (re.compile(r" ([,.;:!?%)])"), r"\1"),
    (re.compile(r"([($]) "), r"\1"),
)
"""Turns the treebank's spacing into that of people."""

NAMED = ("goemotions3", "tweeteval")
"""Sets whose texts name people."""

ALL_UNKNOWN = 0.5
"""Share of the unreadable texts that have no readable word at all."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an epoch is mixed."""

    rates: dict[str, float] = field(default_factory=lambda: {"phrases": 0.6, "imdb": 0.5, "sentences": 0.5})
    """Set → share of its rows in each epoch; 1 for those not named."""
    unreadable: int = 3000
    """Texts without meaning, whose target is that every class is as likely."""
    foreign: int = 0
    """Texts in other languages, with the same target."""
    constructed: int = 0
    """Sentences of `constructions`."""
    groups: int = 0
    """Groups of own forms that differ in who is meant, and half as many of the sets' texts; see `identities`."""
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
    """One text to learn from. The target is what each class's log probability counts; mostly it adds up to 1."""

    ids: list[int]
    target: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows of similar length, and groups of rows (`identities.SIZE` each, one behind the other) to be judged alike."""

    rows: list[Row]
    groups: list[Row] = field(default_factory=list)


NOTHING_SAID = (0.31, 0.38, 0.31)
"""Near one third each; a little more for neutral, so that nobody's label is negative by a hair."""


class Corpus:
    """Makes each epoch, always the same one for the same seed and number."""

    def __init__(
        self,
        sets: dict[str, list[Example]],
        tokenizer: Tokenizer,
        recipe: Recipe,
        seed: int,
        languages: Sequence[Language] = (),
    ) -> None:
        self._sets, self._tokenizer, self._recipe, self._seed = sets, tokenizer, recipe, seed
        self._languages = languages
        powers = {name: recipe.class_weight_powers.get(name, recipe.class_weight_power) for name in sets}
        self._weights = {name: class_weights(rows, powers[name]) for name, rows in sets.items()}

    def epoch(self, number: int, batch_rows: int) -> list[Batch]:
        """Batches of texts of similar length, in random order."""
        rng = random.Random(f"{self._seed}/{number}")  # noqa: S311 - nothing secret is drawn
        rows = [row for name in self._sets for row in self._rows(name, number, rng)]
        rows += self._constructed(number)
        rows += self._without_meaning(rng)
        rng.shuffle(rows)
        chunk = batch_rows * 64
        batches = [
            batch
            for start in range(0, len(rows), chunk)
            for batch in batched(sorted(rows[start : start + chunk], key=lambda row: len(row.ids)), batch_rows)
        ]
        rng.shuffle(batches)
        groups = self._groups(rng)
        each = len(groups) // len(batches)
        return [
            Batch(batch, list(chain.from_iterable(groups[index * each : (index + 1) * each])))
            for index, batch in enumerate(batches)
        ]

    def _rows(self, name: str, number: int, rng: random.Random) -> list[Row]:
        examples = share(self._sets[name], self._recipe.rates.get(name, 1.0), number, self._seed)
        encodings = self._tokenizer.encode_batch([self._altered(name, example.text, rng) for example in examples])
        return [
            self._cut(example, encoding.ids, self._weights[name], rng)
            for example, encoding in zip(examples, encodings, strict=True)
        ]

    def _cut(self, example: Example, ids: list[int], weights: list[float], rng: random.Random) -> Row:
        """The first or the last tokens of a long text, with the opinion on these."""
        if len(ids) <= self._recipe.max_tokens:
            return Row(ids, self._target(example, weights))
        end = rng.random() < 0.5
        if end and example.opinion_of_end is not None:
            example = dataclasses.replace(example, opinion=example.opinion_of_end)
        return Row(cut(ids, self._recipe.max_tokens, end=end), self._target(example, weights))

    def _target(self, example: Example, weights: list[float] | None = None) -> tuple[float, ...]:
        """The label with a little doubt, as much as its class counts, and a teacher's opinion."""
        if example.label is None:
            return example.opinion or NOTHING_SAID
        doubt = self._recipe.label_smoothing if example.doubt is None else example.doubt
        weight = weights[example.label] if weights else 1.0
        label = tuple(weight * part for part in smooth(example.label, doubt))
        if example.opinion is None:
            return label
        share = self._recipe.teacher_share
        return tuple((1 - share) * ours + share * theirs for ours, theirs in zip(label, example.opinion, strict=True))

    def _constructed(self, number: int) -> list[Row]:
        rng = random.Random(f"{self._seed}/constructed/{number}")  # noqa: S311 - nothing secret is drawn
        examples = constructed(self._recipe.constructed, rng)
        encodings = self._tokenizer.encode_batch([example.text for example in examples])
        return [
            Row(encoding.ids[: self._recipe.max_tokens], self._target(example))
            for example, encoding in zip(examples, encodings, strict=True)
        ]

    def _groups(self, rng: random.Random) -> list[list[Row]]:
        """In random order."""
        if not self._recipe.groups:
            return []
        groups = identities.formed(self._recipe.groups, rng)
        named = [self._sets[name] for name in NAMED if name in self._sets]
        groups += identities.found(named, self._recipe.groups // 2, rng)
        rng.shuffle(groups)
        encodings = iter(self._tokenizer.encode_batch([text for group in groups for text in group.texts]))
        most = self._recipe.max_tokens
        return [[Row(next(encodings).ids[:most], self._target(group.judged)) for _ in group.texts] for group in groups]

    def _altered(self, name: str, text: str, rng: random.Random) -> str:
        """The text as somebody else might have written it."""
        text = re.sub(r"\[NAME\]", lambda _: rng.choice(NAMES), text)
        if name in {"sst2", "sst3", "phrases"} and rng.random() < self._recipe.spacing:
            for pattern, written in TREEBANK:
                text = pattern.sub(written, text)
        return mistyped(text, rng) if rng.random() < self._recipe.typing_mistakes else text

    def _without_meaning(self, rng: random.Random) -> list[Row]:
        texts = [unreadable(rng) for _ in range(self._recipe.unreadable)]
        if self._languages:
            texts += [rng.choice(self._languages).text(rng) for _ in range(self._recipe.foreign)]
        return [
            Row(encoding.ids[: self._recipe.max_tokens], NOTHING_SAID)
            for encoding in self._tokenizer.encode_batch(texts)
        ]


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
    counts = Counter(row.label for row in rows if row.label is not None)
    if not counts:
        return [0.0] * len(LABELS)
    raw = [counts[label] ** -power if counts[label] else 0.0 for label in range(len(LABELS))]
    mean = sum(raw[label] * count for label, count in counts.items()) / counts.total()
    return [weight / mean for weight in raw]


def smooth(label: int, smoothing: float) -> tuple[float, ...]:
    """The label with a little doubt."""
    return tuple(smoothing / len(LABELS) + (1 - smoothing if index == label else 0.0) for index in range(len(LABELS)))


def cut(ids: list[int], most: int, *, end: bool) -> list[int]:
    """The first or the last tokens, between the marks of beginning and end."""
    inner = ids[1:-1]
    return [ids[0], *(inner[-(most - 2) :] if end else inner[: most - 2]), ids[-1]]


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
