"""A number."""

import math
from collections.abc import Sequence
from typing import Any

from prediction_service.tasks.task import BadOutput, Finding, MisfitError, NotFinite, check_number, is_near
from shared.contracts.values import LARGEST_VALUE


class Regression:
    """`low` and `high`: between which every value lies; the manifest's `range`."""

    def __init__(self, unit: str, low: float = -math.inf, high: float = math.inf) -> None:
        self._unit, self._low, self._high = unit, low, high

    def checked(self, outputs: Sequence[float], expected: int) -> list[float | BadOutput]:
        """Each value as it is, or what is wrong with it in its place. Raises ValueError if some are missing."""
        check_number(outputs, expected)
        return [self._judged(value) for value in outputs]

    def _judged(self, value: float) -> float | BadOutput:
        if not math.isfinite(value):
            return NotFinite(f"{value} is no number")
        if abs(value) > LARGEST_VALUE:
            return BadOutput(f"{value:.6g} is beyond {LARGEST_VALUE:g}")
        if not self._low <= value <= self._high:
            return BadOutput(f"{value:.6g} is not within the range of {self._low:g} to {self._high:g}")
        return value

    def finding(self, output: float) -> Finding:
        """The value and its unit; a number has no label."""
        return Finding(None, None, {"value": output, "unit": self._unit or None}, value=output)

    def check_form(self, output: Any) -> None:
        """Raises MisfitError for anything but one number."""
        if isinstance(output, bool) or not isinstance(output, int | float):
            raise MisfitError("does not give one number for each row, as a regression does")

    def differ(self, output: float, other: float) -> bool:
        """Whether they are apart."""
        return not is_near(output, other)

    def advice(self, output: float) -> str:
        """A range can be wrong."""
        return "; mend the manifest's range if such values are right"
