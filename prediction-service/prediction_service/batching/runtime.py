"""The interface of runtimes, which the queue uses."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol, runtime_checkable

from prediction_service.signature.signature import Instance, length_of
from prediction_service.tasks.task import Output


class ModelError(Exception):
    """A model that cannot be used as it is; the message is for its author."""


class NotInTimeError(ModelError):
    """The clock ran out first. On a machine that has more time for it, the same model may be a good one."""


Calling = Callable[[], AbstractContextManager[None]]
"""A context manager that is entered around each call of a library that might crash."""


class Runtime(Protocol):
    """A loaded model. Calls come from several threads at once, unless the manifest asks for one worker."""

    def compute(self, instances: Sequence[Instance]) -> Sequence[Output]:
        """For each instance the model's output, in the form that its task has (see `tasks.task.Output`).

        The output for an instance must not depend on the other instances of the call.
        """
        ...

    def is_quick(self, instances: Sequence[Instance]) -> bool:
        """Whether these take less than about a millisecond, so that they may be computed on the event loop."""
        ...

    def stop(self) -> None:
        """Makes running calls fail, where that is possible, and all later ones."""
        ...


class Piece(Protocol):
    """The smallest unit that a model computes: a window of a text, or a whole instance."""

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
    """A runtime that can compute an instance piece by piece, so that other requests can have turns in between."""

    max_call_cost: int
    """The highest cost of a call with several pieces: about ten milliseconds."""

    def pieces(self, instances: Sequence[Instance]) -> list[Sequence[Piece]]:
        """At least one piece for each instance. Takes milliseconds for long texts."""
        ...

    def scores(self, pieces: Sequence[Any]) -> Sequence[Any]:
        """One call of the model: a result for each piece, which must not depend on the other pieces of the call."""
        ...

    def outputs(self, instances: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Output]:
        """The output for each instance, given as a pair: the scores of its pieces, and the pieces."""
        ...


class WholeInstance(NamedTuple):
    """An instance as a single piece."""

    instance: Instance
    cost: int
    tokens: int = 0


CHARACTERS = 64
"""Characters per unit of cost of a whole instance: short ones have the same cost, and are computed in the order they
came."""


class WholeInstances:
    """Adapts a runtime without pieces: each instance is one piece.

    Its cost is the length of its texts, or the runtime's `weight` of it: the length in characters of usual cost.
    """

    max_call_cost = 128

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._weight: Callable[[Instance], int] = getattr(runtime, "weight", length_of)

    def pieces(self, instances: Sequence[Instance]) -> list[Sequence[Piece]]:
        """One piece for each instance."""
        return [[WholeInstance(instance, 1 + self._weight(instance) // CHARACTERS)] for instance in instances]

    def scores(self, pieces: Sequence[WholeInstance]) -> Sequence[Output]:
        """The outputs."""
        return self._runtime.compute([piece.instance for piece in pieces])

    def outputs(self, instances: Sequence[tuple[Sequence[Any], Sequence[Any]]]) -> Sequence[Output]:
        """The scores, since they are outputs already."""
        return [scores[0] for scores, _ in instances]


def sliced(runtime: Runtime) -> SlicedRuntime:
    """The runtime itself if it has pieces, else adapted."""
    return runtime if isinstance(runtime, SlicedRuntime) else WholeInstances(runtime)
