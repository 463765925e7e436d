"""Named outputs, whatever they are."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from prediction_service.signature.datatypes import suits
from prediction_service.tasks.outputs import DeclaredOutput, shape_of
from prediction_service.tasks.task import BadOutput, Finding, MisfitError, NotFinite, check_number, is_near


class Generic:
    """`outputs`: what the manifest declares of them; none: any."""

    def __init__(self, outputs: Sequence[DeclaredOutput]) -> None:
        self._outputs = {output.name: output for output in outputs}

    def checked(self, outputs: Sequence[Mapping[str, Any]], expected: int) -> list[Mapping[str, Any] | BadOutput]:
        """Each as it is, or what is wrong with it in its place. Raises ValueError if some are missing."""
        check_number(outputs, expected)
        return [self._judged(output) for output in outputs]

    def _judged(self, output: Mapping[str, Any]) -> Mapping[str, Any] | BadOutput:
        if fault := self._fault(output):
            return BadOutput(fault)
        finite = all(is_finite(plain(value)) for value in output.values())
        return output if finite else NotFinite("gives NaN or infinity")

    def _fault(self, output: Mapping[str, Any]) -> str | None:
        """What is not as declared."""
        for name, declared in self._outputs.items():
            if name not in output:
                return f"gives no output {name}"
            if declared.shape is None:
                continue
            shape = shape_of(output[name], declared.shape)
            if not suits(shape, declared.shape):
                return f"gives {name} the shape {list(shape)} and not {declared.shape}"
        return None

    def finding(self, output: Mapping[str, Any]) -> Finding:
        """All outputs, as JSON has them."""
        return Finding(None, None, {"outputs": {name: plain(value) for name, value in output.items()}})

    def check_form(self, output: Mapping[str, Any]) -> None:
        """Raises MisfitError for outputs that are not as declared."""
        if fault := self._fault(output):
            raise MisfitError(fault)

    def differ(self, output: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether one of them does."""
        return output.keys() != other.keys() or any(
            values_differ(plain(value), plain(other[name])) for name, value in output.items()
        )

    def advice(self, output: Mapping[str, Any]) -> str:
        """Nothing to say."""
        return ""


def plain(value: Any) -> Any:
    """An array as nested lists; anything else as it is."""
    return value.tolist() if hasattr(value, "tolist") else value


def is_finite(value: Any) -> bool:
    """Whether all numbers in nested lists are."""
    if isinstance(value, list | tuple):
        return all(map(is_finite, value))
    if isinstance(value, Mapping):
        return all(map(is_finite, value.values()))
    return not isinstance(value, float) or math.isfinite(value)


def values_differ(value: Any, other: Any) -> bool:
    """Whether nested values do, but for rounding."""
    if isinstance(value, list) and isinstance(other, list):
        return len(value) != len(other) or any(map(values_differ, value, other))
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return value.keys() != other.keys() or any(values_differ(value[name], other[name]) for name in value)
    if isinstance(value, float) and isinstance(other, float):
        return not is_near(value, other)
    return bool(value != other)
