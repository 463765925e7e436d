"""A vector that stands for a row."""

import math
from collections.abc import Sequence

from prediction_service.tasks.task import BadOutput, Finding, MisfitError, NotFinite, check_number, is_near, shown
from shared.contracts.values import LARGEST_VALUE


class Embedding:
    """`dimension`: how many numbers a vector has."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension

    def checked(self, outputs: Sequence[Sequence[float]], expected: int) -> list[Sequence[float] | BadOutput]:
        """Each vector as it is, or what is wrong with it in its place. Raises ValueError if some are missing."""
        check_number(outputs, expected)
        return [self._judged(vector) for vector in outputs]

    def _judged(self, vector: Sequence[float]) -> Sequence[float] | BadOutput:
        if len(vector) != self._dimension:
            return BadOutput(f"{len(vector)} numbers, not {self._dimension}")
        if not all(map(math.isfinite, vector)):
            return NotFinite(f"{shown(vector)} are not all finite")
        return vector if math.hypot(*vector) <= LARGEST_VALUE else BadOutput(f"{shown(vector)} are too large")

    def finding(self, output: Sequence[float]) -> Finding:
        """The vector; its norm is the prediction's value."""
        return Finding(None, None, {"vector": output}, value=math.hypot(*output))

    def check_form(self, output: Sequence[float]) -> None:
        """Raises MisfitError for another number of numbers than the manifest says."""
        if len(output) != self._dimension:
            raise MisfitError(f"gives vectors of {len(output)} numbers; say dimension = {len(output)}")

    def differ(self, output: Sequence[float], other: Sequence[float]) -> bool:
        """Whether a number of theirs does."""
        return not all(map(is_near, output, other))

    def advice(self, output: Sequence[float]) -> str:
        """Nothing to say."""
        return ""
