"""What a run found out, as data: it is kept as JSON, from which every text and plot is made."""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from benchmarks.harness.turns import Paired, Sample

PARTS = ("gateway", "analytics", "predictions", "model", "metrics")
"""Of the project, in the order in which their figures are shown."""

Bound = Literal["at least", "at most"]


@dataclass(frozen=True)
class Bar:
    """One figure, and what it should be."""

    part: str
    """Of the project: one of `PARTS`."""
    what: str
    bound: Bound
    target: float
    unit: str
    """`×` and `%` for ratios, which are what two runs must agree in; `ms`, `MiB` or nothing."""
    measured: float
    low: float
    high: float
    paired: bool = False
    """Whether its turns were taken beside each other; `low` and `high` are the interval of the median then."""

    @property
    def ratio(self) -> float:
        """Measured to target: at least 1, or at most 1, is met."""
        return self.measured / self.target if self.target else float(self.measured > 0)

    @property
    def is_ratio(self) -> bool:
        """Whether it compares what was measured within one run."""
        return self.unit in ("×", "%")

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.measured >= self.target if self.bound == "at least" else self.measured <= self.target


def bar(part: str, what: str, bound: Bound, target: float, unit: str, measured: Sample | float) -> Bar:
    """A bar with the spread of its turns, or the interval of the median of paired ones."""
    sample = measured if isinstance(measured, Sample) else Sample([measured])
    return Bar(part, what, bound, target, unit, sample.middle, sample.low, sample.high, isinstance(sample, Paired))


@dataclass(frozen=True)
class Table:
    """Cells are texts as they are shown, or samples."""

    title: str
    columns: list[str]
    rows: list[list[str | Sample]]
    note: str = ""


@dataclass(frozen=True)
class Plot:
    """Lines over a logarithmic axis."""

    name: str
    """Of the file, without ending."""
    title: str
    x_label: str
    y_label: str
    x: list[float]
    lines: dict[str, list[float | None]]


@dataclass
class Result:
    """What came of one scenario."""

    title: str
    """The question that it answers."""
    bars: list[Bar] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What could not be measured, and why."""
    failed: bool = False
    """The scenario as a whole could not be run."""
    seconds: float = 0.0
    measured: str = ""
    """When, and how busy the machine was before."""
    elsewhere: str = ""
    """The processor, where it was another one than that of the report."""


@dataclass
class Report:
    """One run."""

    machine: dict[str, str]
    versions: dict[str, str]
    results: dict[str, Result] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def bars(self) -> list[Bar]:
        """Of all scenarios, by part."""
        return sorted(
            (bar for result in self.results.values() for bar in result.bars), key=lambda bar: PARTS.index(bar.part)
        )

    def with_earlier(self, earlier: "Report") -> "Report":
        """This run, and what the earlier one has of scenarios that were not run again, in the order of both."""
        order = sorted({*earlier.results, *self.results}, key=[*earlier.results, *self.results].index)
        results = {name: self.results.get(name) or self._elsewhere(earlier, name) for name in order}
        seconds = self.seconds + sum(earlier.results[name].seconds for name in order if name not in self.results)
        return replace(self, results=results, versions=earlier.versions | self.versions, seconds=seconds)

    def _elsewhere(self, earlier: "Report", name: str) -> Result:
        """An earlier result, which says on what it was measured if that was another machine."""
        result = earlier.results[name]
        processor = result.elsewhere or earlier.machine.get("processor", "")
        return replace(result, elsewhere="" if processor == self.machine.get("processor", "") else processor)

    def only(self, names: Collection[str]) -> "Report":
        """Without what is not asked any more."""
        return replace(self, results={name: result for name, result in self.results.items() if name in names})

    def save(self, file: Path) -> None:
        """As JSON."""
        file.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(file: Path) -> Report:
    """A report that was saved."""
    data = json.loads(file.read_text(encoding="utf-8"))
    data["results"] = {name: result_from(result) for name, result in data["results"].items()}
    return Report(**data)


def result_from(data: dict[str, Any]) -> Result:
    """A result out of JSON."""
    tables = [Table(**{**table, "rows": [[cell_from(cell) for cell in row] for row in table["rows"]]})
              for table in data["tables"]]  # fmt: skip
    bars, plots = [Bar(**bar) for bar in data["bars"]], [Plot(**plot) for plot in data["plots"]]
    return Result(**{**data, "tables": tables, "bars": bars, "plots": plots})


def cell_from(cell: Any) -> str | Sample:
    """A table's cell out of JSON."""
    if not isinstance(cell, dict):
        return str(cell)
    return Paired(cell["values"]) if cell.get("paired") else Sample(cell["values"])
