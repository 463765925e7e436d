"""What a runtime is to the rest of the service."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Classification:
    """A model's answer for one text: a probability per label, in the manifest's order; they sum to 1."""

    label: str
    confidence: float
    scores: dict[str, float]


class Runtime(Protocol):
    """Runs one loaded model. Not called from two threads at once.

    Promises: one answer per text, in order, and the same answer whatever else is in the call.
    """

    def is_quick(self, texts: Sequence[str]) -> bool:
        """Whether a run takes less than about a millisecond, so that the event loop need not be spared."""
        ...

    def run(self, texts: Sequence[str]) -> list[Classification]:
        """Classifies the texts."""
        ...
