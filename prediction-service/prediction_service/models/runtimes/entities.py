"""From a label for each token to spans of the text: names, places, whatever the model marks.

As Hugging Face's pipeline does it with `aggregation_strategy="simple"`: neighbouring tokens of one label make a span,
`B-` begins a new one, `O` is none; a span's score is the mean of its tokens' probabilities.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from prediction_service.models.runtimes.activations import Array
from prediction_service.models.runtimes.windows import PlacedWindow

OUTSIDE = "O"


class Marked(NamedTuple):
    """A token with its label: which characters of the text it stands for, and how sure the model is."""

    start: int
    end: int
    label: str
    begins: bool
    score: float


def spans(text: str, tokens: Sequence[Marked]) -> list[dict[str, Any]]:
    """What is marked, in its order."""
    found: list[list[Marked]] = []
    before: str | None = None
    for token in tokens:
        if token.label == before and not token.begins:
            found[-1].append(token)
        else:
            found.append([token])
        before = token.label
    return [span(text, own) for own in found if own[0].label != OUTSIDE]


def span(text: str, tokens: Sequence[Marked]) -> dict[str, Any]:
    """Tokens as one."""
    start, end = tokens[0].start, tokens[-1].end
    score = sum(token.score for token in tokens) / len(tokens)
    return {"label": tokens[0].label, "score": score, "text": text[start:end], "start": start, "end": end}


def marked(probabilities: Sequence[Array], windows: Sequence[PlacedWindow], labels: Sequence[str]) -> list[Marked]:
    """The tokens of a text, each once. Where windows overlap, it is the one that sees more of what is around it."""
    seen: dict[int, Seen] = {}
    for own, window in zip(probabilities, windows, strict=True):
        for number, token in placed(own, window):
            if number not in seen or seen[number].around < token.around:
                seen[number] = token
    return [marked_token(seen[number], labels) for number in sorted(seen)]


class Seen(NamedTuple):
    """A token as a window has it; `around`: how many tokens it has on the side where it has fewer."""

    start: int
    end: int
    probabilities: Array
    around: int


def placed(probabilities: Array, window: PlacedWindow) -> Iterator[tuple[int, Seen]]:
    """The tokens of a window that stand for characters, each with its number in the text."""
    own = [place for place, is_special in enumerate(window.special) if not is_special]
    for number, place in enumerate(own):
        around = min(number, len(own) - 1 - number)
        yield window.first + number, Seen(window.starts[place], window.ends[place], probabilities[place], around)


def marked_token(token: Seen, labels: Sequence[str]) -> Marked:
    """With its most probable label."""
    place = int(np.argmax(token.probabilities))
    label, begins = labels[place], labels[place].startswith("B-")
    plain = label[2:] if begins or label.startswith("I-") else label
    return Marked(token.start, token.end, plain, begins, float(token.probabilities[place]))
