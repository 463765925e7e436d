"""From instances to a feed: which declared input fills which input of the graph, and how.

By name first; what is left of numbers goes into the one matrix that is left, in the manifest's order, and so do texts.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from prediction_service.batching.runtime import ModelError
from prediction_service.models.folders.runtime_options import OnnxOptions
from prediction_service.models.runtimes.onnx_session import told
from prediction_service.models.runtimes.onnx_values import (
    check_tensor,
    checked_range,
    conversion,
    dtype_of,
)
from prediction_service.models.runtimes.readers import fixed
from prediction_service.signature.inputs import Input, TensorInput, shown
from prediction_service.signature.signature import Instance

Array = np.ndarray[Any, Any]
Columns = Sequence[Sequence[Any]]
"""Of instances: for each declared input its values, a row each."""

Filler = Callable[[Columns], Array]
"""Makes the array of one input of a graph."""


class Place(NamedTuple):
    """A declared input, and where its value stands in an instance."""

    number: int
    declared: Input


class Feeds:
    """What fills each input of a graph."""

    def __init__(self, nodes: Sequence[Any], inputs: Sequence[Input], settings: OnnxOptions) -> None:
        self.rows = fixed_rows(nodes)
        """How many rows a call must have; None: any number."""
        places = [Place(number, declared) for number, declared in enumerate(inputs)]
        self._fillers = {node.name: filler_of(node, own) for node, own in assigned(nodes, places, settings).values()}
        self._sized = [
            place.number for place in places if isinstance(place.declared, TensorInput) and -1 in place.declared.shape
        ]

    def feed(self, instances: Sequence[Instance]) -> dict[str, Array]:
        """Name → array, one row for each instance. Raises ValueError and OverflowError for numbers that do not fit."""
        with np.errstate(over="ignore"):
            columns = list(zip(*instances, strict=True))
            return {name: fill(columns) for name, fill in self._fillers.items()}

    def size_of(self, instance: Instance) -> tuple[tuple[int, ...], ...]:
        """Shapes of the tensors of any size: only those that are alike fit into one call."""
        return tuple(instance[number].shape for number in self._sized)

    @property
    def are_sized(self) -> bool:
        """Whether there are tensors of any size."""
        return bool(self._sized)

    def weight(self, instance: Instance) -> int:
        """Characters of its texts, and elements of its tensors of any size: what makes one cost more than another."""
        characters = sum(len(value) for value in instance if isinstance(value, str))
        return characters + sum(int(instance[number].size) for number in self._sized)


def fixed_rows(nodes: Sequence[Any]) -> int | None:
    """The number of rows that the graph is made for. Raises ModelError when its inputs differ in that."""
    rows = {fixed(node, 0) for node in nodes if node.shape} - {None}
    if len(rows) > 1:
        raise ModelError(
            f"takes {told(nodes)}, which differ in their first dimension; it must be that of the rows, in all of them"
        )
    return rows.pop() if rows else None


def assigned(
    nodes: Sequence[Any], places: Sequence[Place], settings: OnnxOptions
) -> dict[str, tuple[Any, list[Place]]]:
    """Name of a graph's input → it and what fills it. Raises ModelError when something is left on either side."""
    by_name = {node.name: node for node in nodes}
    if settings.columns is not None and settings.columns not in by_name:
        raise ModelError(f"runtime.columns: the model has no input {settings.columns}; it takes {told(nodes)}")
    found: dict[str, tuple[Any, list[Place]]] = {}
    for place in places:
        name = namesake(place.declared.name, [name for name in by_name if name not in {*found, settings.columns}])
        if name is not None:
            found[name] = (by_name[name], [place])
    taken = {own[0].number for _, own in found.values()}
    left = [place for place in places if place.number not in taken]
    if not settings.column_inputs:
        for node, own in packed([node for node in nodes if node.name not in found], left, settings.columns):
            found[node.name] = (node, own)
            left = [place for place in left if place not in own]
    check_all_used([node for node in nodes if node.name not in found], left, nodes, settings)
    return found


def namesake(name: str, candidates: Sequence[str]) -> str | None:
    """The graph's input of a name: that name, with TensorFlow's `:0`, or with `_` for what is no letter."""
    for wanted in (name, f"{name}:0"):
        if wanted in candidates:
            return wanted
    alike = [candidate for candidate in candidates if plain(candidate.removesuffix(":0")) == plain(name)]
    return alike[0] if len(alike) == 1 else None


def plain(name: str) -> str:
    """A column's name as converters write it."""
    return re.sub(r"\W", "_", name)


def packed(nodes: Sequence[Any], left: Sequence[Place], columns: str | None) -> list[tuple[Any, list[Place]]]:
    """The matrix that `columns` names, or the only ones of numbers and of strings that are left, and their columns."""
    if len(nodes) == len(left) == 1 and isinstance(left[0].declared, TensorInput):
        return [(nodes[0], list(left))]
    single = [place for place in left if not isinstance(place.declared, TensorInput)]
    of_strings = [node for node in nodes if dtype_of(node).kind == "O"]
    of_numbers = [node for node in nodes if dtype_of(node).kind != "O"]
    words = [place for place in single if place.declared.type in {"text", "category"}]
    if not of_strings:
        words = [place for place in words if place.declared.type == "text"]
    numbers = [place for place in single if place not in words]
    found = []
    for candidates, own in ((of_strings, words), (of_numbers, numbers)):
        for node in candidates:
            if node.name == columns or (len(candidates) == 1 and fits(node, len(own))):
                check_width(node, own)
                found.append((node, own))
    return found


def fits(node: Any, columns: int) -> bool:
    """Whether a matrix may have so many columns; or a single one, for which a row of values is as good."""
    return columns > 0 and (len(node.shape) == 2 or columns == 1) and (fixed(node, 1) or columns) == columns


def check_width(node: Any, own: Sequence[Place]) -> None:
    """Raises ModelError for a matrix with more or fewer columns than there are inputs."""
    width = fixed(node, 1)
    if not own or len(node.shape) not in {0, 2} or (width is not None and width != len(own)):
        what = f"{width} columns" if width and len(node.shape) == 2 else f"the shape {node.shape}"
        raise ModelError(
            f"runtime.columns: {node.name} of the model has {what}, and {len(own)} inputs are declared for it"
            f"{': ' if own else ''}{shown([place.declared.name for place in own])}"
        )


def check_all_used(nodes: Sequence[Any], left: Sequence[Place], every: Sequence[Any], settings: OnnxOptions) -> None:
    """Raises ModelError where the graph has inputs that nothing fills, or a declared input fills none."""
    if not nodes and not left:
        return
    names = shown([place.declared.name for place in left])
    if nodes and left:
        advice = "call the inputs as the model does"
        if not settings.column_inputs:
            advice += "; or name, in runtime.columns, the one that takes all numbers, in the order of [[inputs]]"
        raise ModelError(f"takes {told(nodes)}, which the declared inputs {names} do not fill: {advice}")
    if nodes:
        raise ModelError(f"takes {told(nodes)} too: declare [[inputs]] of that name")
    raise ModelError(f"takes {told(every)}, and nothing called {names}: the model has no use for that; leave it out")


def filler_of(node: Any, places: Sequence[Place]) -> Filler:
    """What makes the array of one input of the graph. Raises ModelError."""
    first = places[0]
    if isinstance(first.declared, TensorInput):
        check_tensor(first.declared, node)
        return tensor_filler(first.number, dtype_of(node))
    fillers = [column_filler(place, node) for place in places]
    if len(fillers) > 1:
        return matrix_filler(fillers, dtype_of(node))
    if len(node.shape) > 2 or (fixed(node, 1) or 1) != 1:
        raise ModelError(
            f"the input {first.declared.name} is one value, and {node.name} of the model has the shape {node.shape}: "
            "declare a tensor, or as many inputs as it has columns"
        )
    fill = fillers[0]
    return fill if len(node.shape) == 1 else lambda columns: fill(columns).reshape(-1, 1)


def tensor_filler(number: int, dtype: Any) -> Filler:
    """Tensors of one shape, one above the other."""
    return lambda columns: checked_range(np.stack(columns[number]), dtype)


def column_filler(place: Place, node: Any) -> Filler:
    """One value for each row, in shape [n]. Raises ModelError."""
    number, convert, dtype = place.number, conversion(place.declared, node), dtype_of(node)
    if convert is not None:
        return lambda columns: np.array([convert(value) for value in columns[number]], dtype=dtype)
    if place.declared.may_be_missing:
        return lambda columns: np.array(columns[number], dtype=dtype)  # which makes NaN of None
    return lambda columns: np.fromiter(columns[number], dtype, len(columns[number]))


def matrix_filler(fillers: Sequence[Filler], dtype: Any) -> Filler:
    """Several values for each row, in shape [n, k]."""

    def fill(columns: Columns) -> Array:
        matrix = np.empty((len(columns[0]), len(fillers)), dtype=dtype)
        for place, fill_column in enumerate(fillers):
            matrix[:, place] = fill_column(columns)
        return matrix

    return fill
