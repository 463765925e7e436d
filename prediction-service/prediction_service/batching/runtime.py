"""What a queue expects of the runtime behind it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


class ModelError(Exception):
    """A model that cannot be loaded; the message is for its author."""


class Runtime(Protocol):
    """A loaded model. Calls come from several threads at once, unless the manifest asks for one worker."""

    def probabilities(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text, the probability of each label, in the manifest's order, as the model gives them.

        What it says about a text must not depend on the other texts of the call.
        """
        ...

    def is_quick(self, texts: Sequence[str]) -> bool:
        """Whether these take less than about a millisecond: then they may run where they are, without a thread."""
        ...

    def stop(self) -> None:
        """Makes the calls that run fail, if they can be made to, and all that come."""
        ...


class Piece(Protocol):
    """What a model computes in one go: a window of a text, or a whole text."""

    @property
    def cost(self) -> int:
        """How much work it is, in the runtime's own unit; at least 1."""
        ...

    @property
    def tokens(self) -> int:
        """How many tokens it has; 0 for models without tokens."""
        ...


@runtime_checkable
class SlicedRuntime(Protocol):
    """A runtime whose work on a text can be cut into pieces, so that others have their turns in between."""

    max_call_cost: int
    """What one call may cost, where it has several pieces: about ten milliseconds."""

    def pieces(self, texts: Sequence[str]) -> list[Sequence[Piece]]:
        """At least one for each text. Takes its time with long texts."""
        ...

    def scores(self, pieces: Sequence[Any]) -> Sequence[Any]:
        """One call of the model: something for each piece, which must not depend on the other pieces of the call."""
        ...

    def verdicts(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Sequence[float]]:
        """For each text, of which the pieces and their scores are given, the probability of each label."""
        ...


@dataclass(frozen=True, slots=True)
class WholeText:
    """A text that cannot be cut."""

    text: str
    cost: int
    tokens: int = 0


CHARACTERS = 64
"""A whole text costs as much as so many of its characters do: short ones are alike, and come in their order."""


class WholeTexts:
    """Any runtime, its texts as they are.

    They cost by their characters, unless the runtime knows better: its `weight` is then a text's length, in characters
    of usual cost.
    """

    max_call_cost = 128

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._weight: Callable[[str], int] = getattr(runtime, "weight", len)

    def pieces(self, texts: Sequence[str]) -> list[Sequence[Piece]]:
        """The texts."""
        return [[WholeText(text, 1 + self._weight(text) // CHARACTERS)] for text in texts]

    def scores(self, pieces: Sequence[WholeText]) -> Sequence[Sequence[float]]:
        """Probabilities already."""
        return self._runtime.probabilities([piece.text for piece in pieces])

    def verdicts(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Sequence[float]]:
        """The scores, which are probabilities."""
        return [scores[0] for scores, _ in texts]


def sliced(runtime: Runtime) -> SlicedRuntime:
    """The runtime as one whose work comes in pieces."""
    return runtime if isinstance(runtime, SlicedRuntime) else WholeTexts(runtime)
