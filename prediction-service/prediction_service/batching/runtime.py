"""The interface of runtimes, which the queue uses."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


class ModelError(Exception):
    """A model that cannot be used as it is; the message is for its author."""


class Runtime(Protocol):
    """A loaded model. Calls come from several threads at once, unless the manifest asks for one worker."""

    def probabilities(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """For each text, the probability of each label, in the manifest's order, as the model gives them.

        The result for a text must not depend on the other texts of the call.
        """
        ...

    def is_quick(self, texts: Sequence[str]) -> bool:
        """Whether these texts take less than about a millisecond, so that they may be computed on the event loop."""
        ...

    def stop(self) -> None:
        """Makes running calls fail, where that is possible, and all later ones."""
        ...


class Piece(Protocol):
    """The smallest unit that a model computes: a window of a text, or a whole text."""

    @property
    def cost(self) -> int:
        """Its work in the runtime's own unit, at least 1."""
        ...

    @property
    def tokens(self) -> int:
        """How many tokens it has; 0 for models without tokens."""
        ...


@runtime_checkable
class SlicedRuntime(Protocol):
    """A runtime that can compute a text piece by piece, so that other requests can have turns in between."""

    max_call_cost: int
    """The highest cost of a call with several pieces: about ten milliseconds."""

    def pieces(self, texts: Sequence[str]) -> list[Sequence[Piece]]:
        """At least one piece for each text. Takes milliseconds for long texts."""
        ...

    def scores(self, pieces: Sequence[Any]) -> Sequence[Any]:
        """One call of the model: a result for each piece, which must not depend on the other pieces of the call."""
        ...

    def verdicts(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Sequence[float]]:
        """The probability of each label for each text, given as a pair: the scores of its pieces, and the pieces."""
        ...


@dataclass(frozen=True, slots=True)
class WholeText:
    """A text as a single piece."""

    text: str
    cost: int
    tokens: int = 0


CHARACTERS = 64
"""Characters per unit of cost of a whole text: short texts have the same cost, and are computed in the order they
came."""


class WholeTexts:
    """Adapts a runtime without pieces: each text is one piece.

    Its cost is its length, or the runtime's `weight` of it: the length in characters of usual cost.
    """

    max_call_cost = 128

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._weight: Callable[[str], int] = getattr(runtime, "weight", len)

    def pieces(self, texts: Sequence[str]) -> list[Sequence[Piece]]:
        """One piece for each text."""
        return [[WholeText(text, 1 + self._weight(text) // CHARACTERS)] for text in texts]

    def scores(self, pieces: Sequence[WholeText]) -> Sequence[Sequence[float]]:
        """The probabilities of each text."""
        return self._runtime.probabilities([piece.text for piece in pieces])

    def verdicts(self, texts: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Sequence[float]]:
        """The scores, since they are probabilities already."""
        return [scores[0] for scores, _ in texts]


def sliced(runtime: Runtime) -> SlicedRuntime:
    """The runtime itself if it has pieces, else adapted."""
    return runtime if isinstance(runtime, SlicedRuntime) else WholeTexts(runtime)
