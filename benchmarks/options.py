"""How much a run may cost."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Options:
    """Told to every scenario. Two runs with the usual values should agree; quick ones need not."""

    turns: int = 3
    """Of a target that is started for each, or whose load is long."""
    short_turns: int = 7
    """Of one that runs all the time: more and shorter ones, for what disturbs a turn then disturbs less of all."""
    pairs: int = 12
    """Of turns beside each other whose processor time is compared, as long as the cores keep their speed."""
    seconds: float = 1.0
    """Factor on the length of every load."""
    rows: int = 10_000_000
    """Of the largest table."""
    model: str = "spam-words"
    """The shipped ONNX model that is served besides the lexicon."""
    containers: str | None = None
    """Where the same stack answers in containers."""
    folder: Path = Path()
    """Empty, for data and logs."""

    def of(self, seconds: float) -> float:
        """A load's length."""
        return max(1.0, seconds * self.seconds)


QUICK = {"turns": 1, "short_turns": 1, "pairs": 1, "seconds": 0.1, "rows": 100_000}
"""To see that everything works."""


def default_model() -> str:
    """The trained encoder where it is shipped, else the small example."""
    shipped = Path(__file__).parent.parent / "models"
    return "sentiment" if any(shipped.glob("sentiment/*/model.toml")) else "spam-words"
