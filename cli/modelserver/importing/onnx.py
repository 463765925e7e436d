"""A model that is ONNX already: it is its own original, and what it says is written down."""

from collections.abc import Iterator, Sequence
from typing import Any

from modelserver.errors import RefusedError, UsageError
from modelserver.importing.graph import Graph, plain, session_of
from modelserver.importing.original import Converted, GraphInput, Numbers
from modelserver.importing.sample import Frame, Sample

KINDS = {
    "tensor(float)": "float32",
    "tensor(double)": "float64",
    "tensor(float16)": "float16",
    "tensor(int64)": "int64",
    "tensor(int32)": "int32",
    "tensor(bool)": "bool",
    "tensor(string)": "object",
}


class OnnxModel:
    """`labels`: in the order of its numbers. `output`: which output has them, where that is not clear."""

    def __init__(self, content: bytes, sample: Sample, task: str, labels: Sequence[str] = (), output: str = "") -> None:
        self.task, self.labels, self.sample = task, labels, sample
        session = session_of(content)
        runtime = {"output": output} if output else {}
        self._converted = Converted("as it is", content, graph_inputs(session.get_inputs(), sample), runtime)
        self._graph = Graph(self._converted, sample.inputs, task)
        given = self.says(sample.frame.head(1))
        if task in {"classification", "multilabel"} and given.shape[1] != len(labels):
            raise UsageError(
                f"the model gives {given.shape[1]} numbers for a row: say as many --labels, in their order"
            )

    def says(self, frame: Frame) -> Numbers:
        """What the graph says."""
        return self._graph.says(Sample(frame, self.sample.types, self.sample.words).rows)

    def conversions(self) -> Iterator[Converted]:
        """Nothing is to be done."""
        yield self._converted


def graph_inputs(nodes: Sequence[Any], sample: Sample) -> list[GraphInput]:
    """Which columns fill which input: by name, then the one matrix that is left. Raises RefusedError."""
    names = [declared.name for declared in sample.inputs]
    found = [
        GraphInput(node.name, [own], KINDS.get(node.type, "")) for node in nodes if (own := namesake(node.name, names))
    ]
    left = [name for name in names if name not in {each.columns[0] for each in found}]
    open_ = [node for node in nodes if node.name not in {each.name for each in found}]
    if left and len(open_) == 1:
        found.append(GraphInput(open_[0].name, left, KINDS.get(open_[0].type, "")))
        left, open_ = [], []
    if left or open_ or not all(each.dtype for each in found):
        told = ", ".join(f"{node.name} ({node.type}, {node.shape})" for node in nodes)
        raise RefusedError(f"the model takes {told}, which the columns {', '.join(names[:20])} do not fill")
    return found


def namesake(name: str, columns: Sequence[str]) -> str | None:
    """The column that an input is called after."""
    alike = [column for column in columns if plain(column) == plain(name)]
    return alike[0] if alike else None
