"""How the predictions of a window are distributed, in the bins of the rollups; pure.

Of a shape histogram's bins those below LENGTH_BIN_ZERO are twentieths of confidence, those from there powers of two of
the input's length.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from metrics_service.windows.inputs import InputCounts, as_input, bins_of, counts_of, largest_by_name
from metrics_service.windows.window import Window
from shared.contracts.baseline import LabelSets, ModelBaseline

CONFIDENCE_STEPS = 20
LENGTH_BIN_ZERO = 100
LENGTH_BINS = 17


@dataclass(frozen=True, slots=True)
class Shapes:
    """Predictions per bin of each measure, and per version."""

    label: Mapping[str, int]
    confidence: Mapping[int, int]
    input_length: Mapping[int, int]
    versions: dict[str, int] = field(default_factory=dict)
    value: Mapping[int, int] = field(default_factory=dict)
    inputs: InputCounts = field(default_factory=dict)
    labels: LabelSets | None = None

    @property
    def sample_size(self) -> int:
        """The number of predictions."""
        numbers: list[Mapping[int, int]] = [self.confidence, self.input_length, self.value, *self.inputs.values()]
        of_sets = self.labels.predictions if self.labels else 0
        return max(of_sets, sum(self.label.values()), *(sum(counts.values()) for counts in numbers))


@dataclass(frozen=True, slots=True)
class Reference:
    """What a window is compared with; the figures of a model's folder are those of no window."""

    shapes: Shapes
    start: datetime | None = None
    end: datetime | None = None
    model_version: str | None = None
    """null: of every version"""

    def overlaps(self, window: Window, model_version: str | None) -> bool:
        """Whether predictions of a window may be among its own, so that they would be compared with themselves."""
        if self.start is None or self.end is None:
            return False
        is_disjoint = self.end <= window.start or window.end <= self.start
        is_of_others = None not in (self.model_version, model_version) and self.model_version != model_version
        return not (is_disjoint or is_of_others)


def confidence_range(confidence_bin: int) -> str:
    """`0.55-0.60`."""
    return f"{confidence_bin / CONFIDENCE_STEPS:.2f}-{(confidence_bin + 1) / CONFIDENCE_STEPS:.2f}"


def length_range(length_bin: int) -> str:
    """`64-127` characters; the last bin has no end."""
    power = length_bin - LENGTH_BIN_ZERO
    if power == LENGTH_BINS - 1:
        return f"{2 ** (power - 1)}+"
    return "0" if power == 0 else f"{2 ** (power - 1)}-{2**power - 1}"


CONFIDENCE_BINS = {confidence_range(key): key for key in range(CONFIDENCE_STEPS)}
LENGTH_RANGES = {length_range(key): key for key in range(LENGTH_BIN_ZERO, LENGTH_BIN_ZERO + LENGTH_BINS)}
FORMER_LENGTH_RANGES = {"32768-65535": LENGTH_BIN_ZERO + LENGTH_BINS - 1}
"""What the last bin was called in baselines from before; whatever is longer was counted there all the same."""


Key = TypeVar("Key", str, int)


def total_by(pairs: Iterable[tuple[Key, int]]) -> dict[Key, int]:
    """Sums by key."""
    totals: Counter[Key] = Counter()
    for key, n in pairs:
        totals[key] += n
    return dict(totals)


def as_baseline(shapes: Shapes) -> ModelBaseline:
    """Shapes in the words of `baseline.json`."""
    return ModelBaseline(
        label=dict(shapes.label),
        labels=shapes.labels,
        confidence={confidence_range(key): n for key, n in shapes.confidence.items()},
        input_length={length_range(key): n for key, n in shapes.input_length.items()},
        value={str(key): n for key, n in shapes.value.items()},
        inputs={name: as_input(bins, shapes.inputs[bins]) for name, bins in largest_by_name(shapes.inputs).items()},
    )


def from_baseline(baseline: ModelBaseline) -> Shapes:
    """The shapes that a baseline tells. Raises ValueError for a bin that does not exist."""
    try:
        return Shapes(
            label=baseline.label,
            labels=baseline.labels,
            confidence={CONFIDENCE_BINS[key]: n for key, n in baseline.confidence.items()},
            input_length=total_by(
                ((LENGTH_RANGES | FORMER_LENGTH_RANGES)[key], n) for key, n in baseline.input_length.items()
            ),
            value={int(key): n for key, n in baseline.value.items()},
            inputs={bins_of(name, one): counts_of(one) for name, one in baseline.inputs.items()},
        )
    except KeyError as error:
        raise ValueError(f"there is no bin {error.args[0]!r}") from error
