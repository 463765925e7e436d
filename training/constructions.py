"""Sentences made of our own words, for what labelled sets have too little of: contrast, negation, irony, other fields.

Each construction comes with its counterpart that has the other label, so that the words alone do not decide. The words
and forms are in constructions.toml and, for what needs no topic, in sentences/ (`forms.py`).
"""

import dataclasses
import random
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training import forms
from training.datasets import Example
from training.labels import NEGATIVE, NEUTRAL, POSITIVE

WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

FORMS = WORDS["forms"]

NAMES: list[str] = WORDS["people"]["names"]

OTHER = {NEGATIVE: POSITIVE, POSITIVE: NEGATIVE}

SIDE = {NEGATIVE: "bad", NEUTRAL: "plain", POSITIVE: "good"}

ADJECTIVES = {NEGATIVE: "poor", POSITIVE: "nice"}


@dataclass(frozen=True, slots=True)
class Topic:
    """Something to have an opinion on, with clauses and adjectives by label."""

    name: str
    plural: bool
    clauses: dict[int, list[str]]
    adjectives: dict[int, list[str]]

    def be(self, rng: random.Random) -> str:
        """Of today or of then."""
        return rng.choice(("are", "were") if self.plural else ("is", "was"))


def fields(topics: list[dict[str, Any]]) -> list[list[Topic]]:
    """The topics of each field of life."""
    found: dict[str, list[Topic]] = {}
    for topic in topics:
        clauses = {label: topic[side] for label, side in SIDE.items()}
        adjectives = {label: topic[kind] for label, kind in ADJECTIVES.items()}
        found.setdefault(topic["field"], []).append(
            Topic(topic["name"], topic.get("plural", False), clauses, adjectives)
        )
    return list(found.values())


FIELDS = fields(WORDS["topics"])


def constructed(count: int, rng: random.Random) -> list[Example]:
    """So many sentences of all constructions."""
    chosen = rng.choices(list(SHARES), list(SHARES.values()), k=count)
    return [construction(rng.choice((NEGATIVE, POSITIVE)), rng) for construction in chosen]


def plain(label: int, rng: random.Random) -> Example:
    """An opinion, or two that agree."""
    if rng.random() < 0.25:
        return written(rng.choice(WORDS["plain"][SIDE[label]]), label, rng)
    first, second = two(rng)
    text = clause(first, label, rng)
    if rng.random() < 0.4:
        text += rng.choice((" and ", ", and ", ". ")) + clause(second, label, rng)
    if rng.random() < 0.2:
        text += rng.choice((". ", " and ")) + rng.choice(WORDS["endings"][SIDE[label]])
    return written(text, label, rng)


def fact(_: int, rng: random.Random) -> Example:
    """No opinion."""
    if rng.random() < 0.4:
        return written(rng.choice(WORDS["plain"]["sentences"]), NEUTRAL, rng)
    first, second = two(rng)
    text = clause(first, NEUTRAL, rng)
    if rng.random() < 0.3:
        text += rng.choice((" and ", ". ")) + clause(second, NEUTRAL, rng)
    return written(text, NEUTRAL, rng)


def contrast(label: int, rng: random.Random) -> Example:
    """Two opinions, of which one decides."""
    about, second = two(rng)
    forms, first = FORMS["contrast"], clause(about, OTHER[label], rng)
    if rng.random() < 0.35:
        openers = WORDS["openers"]
        forms, first = forms[:3], f"{rng.choice(openers[ADJECTIVES[OTHER[label]]])} {rng.choice(openers['things'])}"
    then = rng.choice(WORDS["endings"][SIDE[label]]) if rng.random() < 0.4 else clause(second, label, rng)
    return written(rng.choice(forms).format(first=first, then=then), label, rng)


def negation(label: int, rng: random.Random) -> Example:
    """An opinion by denying the opposite."""
    return about_a_topic(FORMS["negation"][SIDE[label]], label, rng)


def change(label: int, rng: random.Random) -> Example:
    """What was, what is, what was expected."""
    return about_a_topic(FORMS["change"]["both"] + FORMS["change"][SIDE[label]], label, rng)


def irony(label: int, rng: random.Random) -> Example:
    """Happy words; what happened shows whether they are meant."""
    forms = FORMS["irony"]
    text = rng.choice(forms["both"] + forms[SIDE[label]]).format(
        happy=rng.choice(forms["happy"]), longed_for=rng.choice(forms["longed_for"]), person="{person}",
        event=rng.choice(WORDS["events"][SIDE[label]]), deed=rng.choice(WORDS["deeds"][SIDE[label]]),
    )  # fmt: skip
    return written(text, label, rng)


KINDS = forms.read_all(Path(__file__).with_name("sentences"))


def of_kind(name: str) -> Callable[[int, random.Random], Example]:
    """A sentence of one of the files in sentences/, a third of them without opinion where the file has such forms."""
    kind = KINDS[name]

    def sentence(label: int, rng: random.Random) -> Example:
        chosen = NEUTRAL if NEUTRAL in kind.forms and rng.random() < PLAIN_SHARE else label
        return dataclasses.replace(written(kind.sentence(chosen, rng), chosen, rng), doubt=kind.doubt)

    return sentence


PLAIN_SHARE = 0.3

SHARES: dict[Callable[[int, random.Random], Example], float] = {
    plain: 0.10,
    fact: 0.06,
    contrast: 0.08,
    negation: 0.08,
    irony: 0.06,
    change: 0.04,
    **{
        of_kind(name): share
        for name, share in {
            "finance": 0.14, "waiting": 0.06, "denial": 0.06, "comparison": 0.06, "idiom": 0.06, "sarcasm": 0.07,
            "reviews": 0.08, "messages": 0.03, "news": 0.04, "mild": 0.02, "strong": 0.03, "everyday": 0.06,
        }.items()
    },
}  # fmt: skip
"""Construction → its share."""


def two(rng: random.Random) -> list[Topic]:
    """Topics of one field."""
    return rng.sample(rng.choice(FIELDS), 2)


def clause(topic: Topic, label: int, rng: random.Random) -> str:
    """A topic and what is said of it."""
    if label != NEUTRAL and rng.random() < 0.35:
        degree = rng.choice(("", "", "very ", "really ", "so ", "quite "))
        return f"{topic.name} {topic.be(rng)} {degree}{rng.choice(topic.adjectives[label])}"
    return f"{topic.name} {rng.choice(topic.clauses[label])}"


def about_a_topic(forms: list[str], label: int, rng: random.Random) -> Example:
    """One of the forms, with words of its own and of the other label."""
    topic = rng.choice(rng.choice(FIELDS))
    text = rng.choice(forms).format(
        name=topic.name, be=topic.be(rng), word=rng.choice(topic.adjectives[OTHER[label]]),
        new=rng.choice(topic.adjectives[label]), trouble=rng.choice(WORDS["troubles"]["words"]),
    )  # fmt: skip
    return written(text, label, rng)


def written(text: str, label: int, rng: random.Random) -> Example:
    """With names put in, and with more or less care."""
    text = re.sub(r"\{person\}", lambda _: rng.choice(NAMES), text)
    text = re.sub(r"\{city\}", lambda _: rng.choice(WORDS["people"]["cities"]), text)
    text = re.sub(r"(^|[.!?] )(\w)", lambda start: start[1] + start[2].upper(), text)
    care = rng.random()
    if care < 0.15:
        text = text.lower().rstrip(".")
    elif care < 0.25:
        text = text.rstrip(".") + rng.choice(("!", "!!", "..."))
    elif care > 0.35 and text[-1] not in ".!?":
        text += "."
    return Example(text, label)
