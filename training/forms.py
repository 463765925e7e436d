"""Sentences that are forms filled with words: one file of `sentences/` for each kind of thing that is hard to judge.

A file has `forms` by label, `words` for the slots that stand in them, and maybe a `doubt`: how little its labels say.
"""

import random
import re
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from training.labels import LABELS

SLOT = re.compile(r"\{(\w+?)_?\}")
"""`{gain_}` is `{gain}` without its article."""

KEPT_FOR_LATER = frozenset({"person", "city"})
"""Slots that are filled elsewhere, with everybody's names."""

WHOLE = re.compile(r"^(the|a|an) ", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Kind:
    """Forms of one file."""

    name: str
    forms: dict[int, list[str]]
    words: dict[str, list[str]]
    doubt: float | None

    def sentence(self, label: int, rng: random.Random) -> str:
        """A form of this label with its slots filled, each by a word of its own."""
        left = {slot: rng.sample(words, len(words)) for slot, words in self.words.items()}

        def filled(slot: re.Match[str]) -> str:
            name = slot[1]
            if name not in left:
                return slot[0]
            if not left[name]:
                left[name] = rng.sample(self.words[name], len(self.words[name]))
            word = left[name].pop()
            return WHOLE.sub("", word) if slot[0].endswith("_}") else word

        return re.sub(r"\s+", " ", SLOT.sub(filled, rng.choice(self.forms[label]))).strip()

    def unknown_slots(self) -> set[str]:
        """Slots that nothing fills."""
        every = " ".join(form for forms in self.forms.values() for form in forms)
        return {slot[1] for slot in SLOT.finditer(every)} - self.words.keys() - KEPT_FOR_LATER


def read(file: Path) -> Kind:
    """One file of forms. Raises ValueError when a slot has no words."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    forms = {LABELS.index(label): forms for label, forms in content["forms"].items()}
    kind = Kind(file.stem, forms, content["words"], content.get("doubt"))
    if unknown := kind.unknown_slots():
        raise ValueError(f"{file.name}: nothing fills {', '.join(sorted(unknown))}")
    return kind


def read_all(folder: Path) -> dict[str, Kind]:
    """Name → the forms of each file in a folder."""
    return {kind.name: kind for kind in map(read, sorted(folder.glob("*.toml")))}


Write = Callable[[str, int, random.Random], str]
"""Puts names in, and writes with more or less care."""
