"""What every library's model can be asked for, whatever it is called there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from modelserver.importing.sample import Frame, Row, Sample

Numbers = Any
"""An array: [n, labels] of probabilities, [n] of values, [n, dimension] of vectors."""


@dataclass(frozen=True, slots=True)
class GraphInput:
    """An input of an ONNX graph: the columns that it takes, [n, columns], and NumPy's kind of its elements."""

    name: str
    columns: Sequence[str]
    dtype: str


@dataclass(frozen=True, slots=True)
class Converted:
    """An ONNX graph made from a model. `runtime`: what the manifest must say about it."""

    how: str
    content: bytes
    inputs: Sequence[GraphInput]
    runtime: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What lies beside the graph, such as a tokenizer."""
    says: Callable[[Sequence[Row]], Numbers] | None = None
    """What the graph says about rows, where that needs more than arrays of columns."""


class Original(Protocol):
    """A trained model in its own library."""

    @property
    def task(self) -> str:
        """What it is for."""
        ...

    @property
    def labels(self) -> Sequence[str]:
        """In the order of its numbers; empty for a task without labels."""
        ...

    @property
    def sample(self) -> Sample:
        """Its own columns only, in its order."""
        ...

    def says(self, frame: Frame) -> Numbers:
        """What it says about these rows. Raises whatever the library raises."""
        ...

    def conversions(self) -> Iterator[Converted]:
        """Ways to convert it, the most usual one first. A way that fails is left out; raises RefusedError if all do."""
        ...
