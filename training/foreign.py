"""Texts in other languages than English, as far as words alone make them: what the model is to say nothing about.

The words come from the package wordfreq (Apache-2.0, its lists CC BY-SA 4.0), which tells how often each is used.
"""

import gzip
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgpack

LANGUAGES = (
    "ca",
    "cs",
    "de",
    "es",
    "fi",
    "fr",
    "hu",
    "id",
    "it",
    "lt",
    "lv",
    "nb",
    "nl",
    "pl",
    "pt",
    "ro",
    "sh",
    "sk",
    "sl",
    "sv",
    "tr",
    "vi",
)
"""Written in Latin letters. Danish, Malay and Filipino have lists too and are kept for tests."""

COMMON = 4000
"""Words of each language."""

FEWEST, MOST = 3, 24
"""Words of a text: fewer may be English too."""


MIXED = 0.5
"""Share of the texts with English words in them, as many languages have: one in five words at most."""

ENGLISH = (
    "film",
    "hotel",
    "restaurant",
    "perfect",
    "super",
    "fantastic",
    "horrible",
    "excellent",
    "ideal",
    "terrible",
    "bravo",
    "service",
    "adore",
    "love",
    "cool",
    "happy",
    "disaster",
    "catastrophe",
    "magnificent",
    "delicious",
    "genial",
    "special",
    "bad",
    "good",
    "best",
    "worst",
    "sad",
    "nice",
    "fun",
    "boring",
)


@dataclass(frozen=True, slots=True)
class Language:
    """Words and how often each is used."""

    words: list[str]
    shares: list[float]

    def text(self, rng: random.Random) -> str:
        """Words by their frequency, written as sentences are."""
        count = min(FEWEST + int(rng.expovariate(1 / 7)), MOST)
        words = rng.choices(self.words, self.shares, k=count)
        if rng.random() < MIXED:
            for _ in range(max(1, count // 5)):
                words[rng.randrange(count)] = rng.choice(ENGLISH)
        if count > 6 and rng.random() < 0.4:
            words[rng.randrange(2, count - 2)] += ","
        text = " ".join(words)
        return text if rng.random() < 0.2 else text[0].upper() + text[1:] + rng.choice((".", ".", "!", "?", ""))


def read(folder: Path) -> list[Language]:
    """The languages in wordfreq's folder. Raises FileNotFoundError without it."""
    return [language(folder / "data" / f"small_{code}.msgpack.gz") for code in LANGUAGES]


def language(file: Path) -> Language:
    """One list: a header, then the words by frequency in steps of a hundredth of a power of ten."""
    with gzip.open(file) as packed:
        _, *steps = msgpack.load(packed, raw=False)
    chosen = list(words_of(steps))[:COMMON]
    return Language([word for word, _ in chosen], [share for _, share in chosen])


def words_of(steps: list[list[str]]) -> Iterator[tuple[str, float]]:
    """Words of letters, the most frequent first."""
    for step, words in enumerate(steps):
        yield from ((word, 10 ** (-step / 100)) for word in words if word.isalpha())
