"""Groups of texts that differ in who is meant and in nothing else: a name, a faith, an origin, an illness.

The training wants the same answer for all texts of a group (`fine_tune.divergence`). Groups come of own forms, whose
label is known, and of the sets' texts, in which a name or a word of identities.toml stands.
"""

import random
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

from training.datasets import Example
from training.labels import LABELS, NEUTRAL

WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

SIZE = 4
"""Texts of a group."""

TERMS: dict[str, list[str]] = {
    "a": WORDS["adjectives"].split(),
    "p": WORDS["adjectives"].split() + WORDS["persons"].split("|"),
    "r": WORDS["phrases"].split("|"),
    "l": WORDS["places"].split(),
    "n": sorted({name for names in WORDS["names"].values() for name in names.split()}),
}
"""Slot → what may stand in it."""

FORMS: dict[str, dict[int, list[str]]] = {
    slot: {LABELS.index(label): forms for label, forms in by_label.items()}
    for slot, by_label in WORDS["templates"].items()
}
"""Slot → label → forms."""

INVENTED = 0.25
"""Share of the names."""

ONSETS = ("", "b", "ch", "d", "dz", "f", "g", "h", "j", "k", "kw", "l", "m", "n", "ng", "p", "q", "r", "s", "sh", "t",
          "th", "tr", "v", "w", "x", "y", "z", "zh")  # fmt: skip
VOWELS = ("a", "a", "e", "i", "o", "u", "ai", "ei", "oa", "ua", "ie", "ou")
CODAS = ("", "", "", "n", "r", "l", "m", "ng", "sh", "t", "k", "s")

SHARES = {"a": 0.17, "p": 0.28, "r": 0.15, "n": 0.35, "l": 0.05}
"""Slot → its share of the groups."""

NEUTRAL_SHARE = 0.6
"""Of the groups: where nothing is said of somebody, a term weighs most."""

NAME = re.compile(r"\[NAME\]")

INTERCHANGEABLE = {word.lower(): kind.split() for kind in WORDS["kinds"] for word in kind.split()}
"""Word → those of its kind."""

SWAPPED = re.compile(rf"\b({'|'.join(sorted(INTERCHANGEABLE, key=len, reverse=True))})\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Group:
    """Texts that have to be judged alike, and the label or the opinion that goes for all."""

    texts: list[str]
    judged: Example


def formed(count: int, rng: random.Random) -> list[Group]:
    """So many groups of own forms."""
    slots = rng.choices(list(SHARES), list(SHARES.values()), k=count)
    return [form_of(slot, rng) for slot in slots]


def form_of(slot: str, rng: random.Random) -> Group:
    """One form with terms of all kinds in its slot; where there is a second slot, with one and the same name."""
    label = NEUTRAL if rng.random() < NEUTRAL_SHARE else rng.choice((0, 2))
    form = rng.choice(FORMS[slot][label]) if rng.random() < 0.4 else act(slot, label, rng)
    if slot != "n":
        form = form.replace("{n}", rng.choice(TERMS["n"]))
    terms = rng.sample(TERMS[slot], SIZE) if slot != "n" else names(rng)
    texts = [filled(form, slot, term) for term in terms]
    return Group(carelessly(texts, rng), Example(form, label))


def act(slot: str, label: int, rng: random.Random) -> str:
    """Somebody, and what is done by them."""
    text = f"{rng.choice(WORDS['whom'][slot])} {rng.choice(WORDS['acts'][LABELS[label]])}."
    return text[0].upper() + text[1:]


def names(rng: random.Random) -> list[str]:
    """Some that many people have, and some that nobody has: no list has all names."""
    return [invented(rng) if rng.random() < INVENTED else name for name in rng.sample(TERMS["n"], SIZE)]


def invented(rng: random.Random) -> str:
    """Two to four syllables."""
    syllables = (
        rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(CODAS) for _ in range(rng.choice((1, 2, 2, 3, 3, 4)))
    )
    return "".join(syllables).capitalize()


def filled(form: str, slot: str, term: str) -> str:
    """With `an` where the term asks for it."""
    text = form.replace(f"{{{slot}}}", term)
    if slot == "a" and re.match(r"[aeio]|un[dei]", term, re.IGNORECASE):
        text = text.replace(f"A {term}", f"An {term}").replace(f" a {term}", f" an {term}")
    return text


def carelessly(texts: list[str], rng: random.Random) -> list[str]:
    """All of them, now and then, without capitals or the full stop."""
    care = rng.random()
    if care < 0.1:
        return [text.lower().rstrip(".") for text in texts]
    return [text.rstrip(".") for text in texts] if care < 0.2 else texts


def found(sets: Sequence[Sequence[Example]], most: int, rng: random.Random) -> list[Group]:
    """Up to so many groups of texts in which somebody is named: the text with another name or word of its kind."""
    named = [example for rows in sets for example in rows if swappable(example.text)]
    return [Group(swapped(example.text, rng), example) for example in rng.sample(named, min(most, len(named)))]


def swappable(text: str) -> bool:
    """Whether somebody is named."""
    return bool(NAME.search(text) or SWAPPED.search(text))


def swapped(text: str, rng: random.Random) -> list[str]:
    """The text with several names in place of [NAME], or else with several words in place of one."""
    if NAME.search(text):
        return [NAME.sub(lambda _, name=name: name, text) for name in names(rng)]  # type: ignore[misc]
    word = rng.choice(SWAPPED.findall(text))
    others = [other for other in INTERCHANGEABLE[word.lower()] if other.lower() != word.lower()]
    whole = re.compile(rf"\b{re.escape(word)}\b")
    chosen = chain([word], rng.sample(others, min(SIZE - 1, len(others))))
    texts = [whole.sub(other if not word.islower() else other.lower(), text) for other in chosen]
    return texts + texts[-1:] * (SIZE - len(texts))
