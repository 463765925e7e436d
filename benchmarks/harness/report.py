"""What a run found out, as data: it is kept as JSON, from which every text and plot is made."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from benchmarks.harness.turns import Sample

Bound = Literal["at least", "at most"]


@dataclass(frozen=True)
class Bar:
    """One figure that an issue asks for."""

    issue: int
    what: str
    bound: Bound
    target: float
    unit: str
    """`×` for ratios, which are what two runs must agree in; `ms`, `MiB`, `%` or nothing."""
    measured: float
    low: float
    high: float

    @property
    def ratio(self) -> float:
        """Measured to target: at least 1, or at most 1, is met."""
        return self.measured / self.target if self.target else float(self.measured > 0)

    @property
    def met(self) -> bool:
        """Whether the bar is reached."""
        return self.measured >= self.target if self.bound == "at least" else self.measured <= self.target


def bar(issue: int, what: str, bound: Bound, target: float, unit: str, measured: Sample | float) -> Bar:
    """A bar with the spread of its turns."""
    sample = measured if isinstance(measured, Sample) else Sample([measured])
    return Bar(issue, what, bound, target, unit, sample.middle, sample.low, sample.high)


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
class Answer:
    """What came of one question."""

    question: str
    bars: list[Bar] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    plots: list[Plot] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    """What could not be measured, and why."""
    seconds: float = 0.0


@dataclass
class Report:
    """One run."""

    machine: dict[str, str]
    versions: dict[str, str]
    answers: dict[str, Answer] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def bars(self) -> list[Bar]:
        """Of all questions, by issue."""
        return sorted((bar for answer in self.answers.values() for bar in answer.bars), key=lambda bar: bar.issue)

    def save(self, file: Path) -> None:
        """As JSON."""
        file.write_text(json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def load(file: Path) -> Report:
    """A report that was saved."""
    data = json.loads(file.read_text(encoding="utf-8"))
    data["answers"] = {name: answer_from(answer) for name, answer in data["answers"].items()}
    return Report(**data)


def answer_from(data: dict[str, Any]) -> Answer:
    """An answer out of JSON."""
    tables = [Table(**{**table, "rows": [[cell_from(cell) for cell in row] for row in table["rows"]]})
              for table in data["tables"]]  # fmt: skip
    bars, plots = [Bar(**bar) for bar in data["bars"]], [Plot(**plot) for plot in data["plots"]]
    return Answer(**{**data, "tables": tables, "bars": bars, "plots": plots})


def cell_from(cell: Any) -> str | Sample:
    """A table's cell out of JSON."""
    return Sample(cell["values"]) if isinstance(cell, dict) else str(cell)


def disagreements(one: Sequence[Bar], other: Sequence[Bar], most: float) -> list[str]:
    """The ratios in which two runs differ by more than `most` of the smaller.

    Raises ValueError when they are not of the same questions.
    """
    if [bar.what for bar in one] != [bar.what for bar in other]:
        raise ValueError("the two runs are not of the same questions")
    found = []
    for bar, again in zip(one, other, strict=True):
        low, high = sorted((bar.measured, again.measured))
        if bar.unit == "×" and high > low * (1 + most):
            found.append(f"{bar.what}: {bar.measured:.3g} and {again.measured:.3g}")
    return found
