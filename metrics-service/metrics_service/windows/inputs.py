"""How the inputs of a model's predictions are distributed, by the bins that the versions' baselines fix.

A bin means something only with its edges or values: counts of versions are added up where these are the same.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

from pydantic import TypeAdapter, ValidationError
from sqlalchemy.ext.asyncio import AsyncConnection

from metrics_service.sql import statement
from metrics_service.windows.rollups import Selection, over_selection, parameters_of
from shared.contracts.baseline import MISSING, MISSING_BIN, OTHER, CategoryInput, NumberInput
from shared.database import rollup_widths

CELLS_PER_INPUT = 65_536
"""Of a number in the rollups: the input's position in the manifest times this, plus 1, plus the bin."""

INPUTS = over_selection("inputs", rollup="input_rollup")

DEFINITIONS = statement("input_definitions")

INPUT: TypeAdapter[NumberInput | CategoryInput] = TypeAdapter(NumberInput | CategoryInput)


@dataclass(frozen=True, slots=True)
class InputBins:
    """The bins of one input: of a number k rising `edges` make k + 1, a category has one per value, and one more."""

    name: str
    edges: tuple[float, ...] = ()
    values: tuple[str, ...] = ()

    @property
    def is_ordered(self) -> bool:
        """Whether neighbouring bins are alike."""
        return bool(self.edges)

    @property
    def last(self) -> int:
        """The last bin."""
        return len(self.edges) or len(self.values)

    def shown(self, number: int) -> str:
        """What a bin is called."""
        if number == MISSING_BIN:
            return MISSING
        if self.values:
            return self.values[number] if number < len(self.values) else OTHER
        return range_names(self.edges)[number]


def range_names(edges: tuple[float, ...]) -> list[str]:
    """`below 1`, `1 to 2.5`, `from 2.5`."""
    words = [f"{edge:.15g}" for edge in edges]
    return [f"below {words[0]}", *(f"{low} to {high}" for low, high in pairwise(words)), f"from {words[-1]}"]


InputCounts = Mapping[InputBins, Mapping[int, int]]
"""Predictions per bin of each input."""


async def input_counts(connection: AsyncConnection, selection: Selection) -> InputCounts:
    """The inputs of a model in a window; of several models nothing, as their inputs have nothing in common."""
    if selection.model_name is None:
        return {}
    cells = (await connection.execute(INPUTS, parameters_of(selection, rollup_widths.OF_INPUTS))).all()
    if not cells:
        return {}
    found: dict[InputBins, dict[int, int]] = {}
    defined = {
        row.model_version: (row.input_names, row.inputs)
        for row in await connection.execute(DEFINITIONS, {"model_name": selection.model_name})
    }
    for row in cells:
        names, inputs = defined.get(row.model_version, ((), {}))
        bins_at = dict(positions(names, inputs))
        for cell, n in zip(row.bins, row.counts, strict=True):
            position, number = cell // CELLS_PER_INPUT, cell % CELLS_PER_INPUT - 1
            bins = bins_at.get(position)
            if bins is not None and number <= bins.last:
                counts = found.setdefault(bins, {})
                counts[number] = counts.get(number, 0) + n
    return found


def positions(names: list[str], inputs: Mapping[str, object]) -> Iterator[tuple[int, InputBins]]:
    """The bins of each input of a version, by its position in the manifest; what makes no sense is left out."""
    for position, name in enumerate(names):
        try:
            yield position, bins_of(name, INPUT.validate_python(inputs[name]))
        except (KeyError, ValidationError):
            continue


def bins_of(name: str, described: NumberInput | CategoryInput) -> InputBins:
    """The bins that a baseline fixes."""
    if isinstance(described, NumberInput):
        return InputBins(name, edges=tuple(described.edges))
    return InputBins(name, values=tuple(described.values))


def counts_of(described: NumberInput | CategoryInput) -> dict[int, int]:
    """What a baseline counted, by bin."""
    counts = dict(enumerate(described.counts)) | {MISSING_BIN: described.missing}
    if isinstance(described, CategoryInput):
        counts[len(described.values)] = described.other
    return {number: n for number, n in counts.items() if n}


def as_input(bins: InputBins, counts: Mapping[int, int]) -> NumberInput | CategoryInput:
    """Bins and counts in the words of a baseline."""
    missing = counts.get(MISSING_BIN, 0)
    if bins.edges:
        in_bins = [counts.get(number, 0) for number in range(bins.last + 1)]
        return NumberInput(edges=list(bins.edges), counts=in_bins, missing=missing)
    of_values = [counts.get(number, 0) for number in range(bins.last)]
    return CategoryInput(values=list(bins.values), counts=of_values, other=counts.get(bins.last, 0), missing=missing)


def largest_by_name(inputs: InputCounts) -> dict[str, InputBins]:
    """Of each input the bins that most predictions were counted in."""
    by_size = sorted(inputs, key=lambda bins: sum(inputs[bins].values()))
    return {bins.name: bins for bins in by_size}
