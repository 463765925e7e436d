"""What every task says of a model's output."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

Output = Any
"""What a model gives for one row, as its task has it:

| task | output |
| --- | --- |
| classification | a probability for each label, in the manifest's order |
| multilabel | the same; each label's own |
| regression | a number |
| embedding | a sequence of numbers |
| generic | a mapping: name of the output → what JSON can hold, or an array of NumPy |
"""


class BadOutput(ValueError):
    """What a model gave for a row makes no sense for its task; the message says what it gave."""


class NotFinite(BadOutput):
    """What a model gave has NaN or infinities in it: it may be at a loss for this row alone."""


class MisfitError(ValueError):
    """What a model gives does not suit its manifest, whatever the row; the message tells its author what to do."""


class Finding(NamedTuple):
    """What a prediction says: the columns of the record that depend on the task, and the whole output."""

    label: str | None
    confidence: float | None
    raw: dict[str, Any]
    """`raw_output` of the response."""
    value: float | None = None
    labels: list[str] | None = None
    """Of a multilabel model: those above their thresholds, the surest first."""


class Task(Protocol):
    """One kind of model."""

    def checked(self, outputs: Sequence[Output], expected: int) -> Sequence[Output | BadOutput]:
        """Each output as it is, or what is wrong with it in its place. Raises ValueError if some are missing."""
        ...

    def finding(self, output: Output) -> Finding:
        """What the prediction says, from an output that was checked."""
        ...

    def check_form(self, output: Output) -> None:
        """Raises MisfitError for an output that no row of this model could have."""
        ...

    def differ(self, output: Output, other: Output) -> bool:
        """Whether two outputs for one row differ by more than what the order of additions explains."""
        ...

    def advice(self, output: Output) -> str:
        """What a bad output looks like, and what the model's author can do about it; begins with `; `, or is empty."""
        ...


NUMBER_TOLERANCE = 1e-5
"""How far two numbers for one row may be apart, relative to the larger one beyond 1."""


def is_near(number: float, other: float) -> bool:
    """Whether two numbers are alike but for rounding."""
    return abs(number - other) <= NUMBER_TOLERANCE * max(1.0, abs(number), abs(other))


def check_number(outputs: Sequence[Any], expected: int) -> None:
    """Raises ValueError unless there is one output for each row."""
    if len(outputs) != expected:
        raise ValueError(f"{expected} rows, {len(outputs)} results")


def shown(row: Sequence[float]) -> str:
    """The first numbers of a row, for a person."""
    numbers = ", ".join(f"{number:.4g}" for number in row[:4])
    return f"[{numbers}, …]" if len(row) > 4 else f"[{numbers}]"
