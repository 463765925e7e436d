"""Forms of what people at a desk say and do, with a place for a name: who is named changes nothing of what is said.

Most networks call some of these negative for one name and not for another, because a report of what is not so lies near
two labels. The words are in desk.toml.
"""

import random
import tomllib
from pathlib import Path
from typing import Any

from training.labels import LABELS, NEUTRAL

WORDS: dict[str, Any] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

REPORTS = 0.5
"""Their share; the rest are cases."""

MANNERS = 0.4
"""Share of what somebody was like, among the good and the bad."""


def form(label: int, rng: random.Random) -> str:
    """A sentence with `{n}` in it: a report or a case, some with a good or bad end; or what somebody was like."""
    if label != NEUTRAL and rng.random() < MANNERS:
        return manner(label, rng)
    text = report(rng) if rng.random() < REPORTS else case(rng)
    if label != NEUTRAL:
        text = text.rstrip(".") + rng.choice(WORDS["ends"][LABELS[label]]) + "."
    return text[0].upper() + text[1:]


def manner(label: int, rng: random.Random) -> str:
    """Somebody was good or bad at it."""
    words = WORDS["manners"]
    return f"{{n}} was {rng.choice(words[LABELS[label]])} {rng.choice(words['where'])}".rstrip() + "."


def report(rng: random.Random) -> str:
    """Somebody tells that something is so, or not."""
    words = WORDS["reports"]
    kind = rng.choice(words["kinds"])
    said = f"{{n}} {rng.choice(words['verbs'])} {rng.choice(words['that'])}"
    return f"{said}{rng.choice(kind['things'])} {rng.choice(kind['states'])}."


def case(rng: random.Random) -> str:
    """Somebody deals with something."""
    words = WORDS["cases"]
    return rng.choice(words["frames"]).format(
        n="{n}", verb=rng.choice(words["verbs"]), whose=rng.choice(words["whose"]), case=rng.choice(words["cases"]),
        told=rng.choice(words["about_complaints"]), complaint=rng.choice(words["complaints"]),
    )  # fmt: skip
