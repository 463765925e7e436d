"""Counts of a model since it was loaded. Only the event loop changes them."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass(slots=True)
class Duration:
    """A number of occurrences and their total time."""

    count: int = 0
    seconds: float = 0.0

    def add(self, seconds: float, count: int = 1) -> None:
        """Adds one occurrence, or several that took so long together."""
        self.count += count
        self.seconds += seconds


@dataclass(slots=True)
class Statistics:
    """Requests, texts and calls of one model."""

    last_request: float = 0.0
    """When the last response was sent, in seconds since 1970; 0: never."""
    texts: int = 0
    success: Duration = field(default_factory=Duration)
    fail: Duration = field(default_factory=Duration)
    queue: Duration = field(default_factory=Duration)
    inference: Duration = field(default_factory=Duration)
    cache_hit: Duration = field(default_factory=Duration)
    """Texts or rows that the model's cache spared it, and what looking for them took."""
    cache_miss: Duration = field(default_factory=Duration)
    batches: dict[int, Duration] = field(default_factory=lambda: defaultdict(Duration))
    """Texts per call → number and time of such calls."""

    @property
    def calls(self) -> int:
        """How often the model was called."""
        return sum(batch.count for batch in self.batches.values())
