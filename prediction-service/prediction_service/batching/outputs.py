"""Checks a model's output: it must be probabilities, one per label. Only rounding beyond 0 and 1 is corrected."""

from collections.abc import Sequence

SUM_TOLERANCE = 1e-3
"""How far the sum of probabilities may be from 1, enough for float16; and how far below 0 one of them may be."""


class NotProbabilities(ValueError):
    """The output for a text is not probabilities; the message has its numbers."""


def fault_of(row: Sequence[float]) -> str | None:
    """Why a row is not probabilities; None if it is. NaN and infinity show in the sum."""
    total = sum(row)
    if not abs(total - 1.0) <= SUM_TOLERANCE:
        return f"{shown(row)} add up to {total:.6g}, not to 1"
    if min(row) < -SUM_TOLERANCE:
        return f"{shown(row)} are not between 0 and 1"
    return None


def checked(rows: Sequence[Sequence[float]], expected: int) -> list[Sequence[float] | NotProbabilities]:
    """Each row, or an error in its place. Raises ValueError if the number of rows is wrong."""
    if len(rows) != expected:
        raise ValueError(f"{expected} texts, {len(rows)} results")
    return [row if are_probabilities(row) else corrected(row) for row in rows]


def are_probabilities(row: Sequence[float]) -> bool:
    """A quick check that nearly all rows pass; one that fails it may still be within the tolerance."""
    return min(row) >= 0.0 and abs(sum(row) - 1.0) <= SUM_TOLERANCE and max(row) <= 1.0


def corrected(row: Sequence[float]) -> Sequence[float] | NotProbabilities:
    """The row, with rounding beyond 0 and 1 cut off; or the error."""
    fault = fault_of(row)
    return NotProbabilities(fault) if fault else [min(max(probability, 0.0), 1.0) for probability in row]


def shown(row: Sequence[float]) -> str:
    """The first numbers of a row, for a message."""
    numbers = ", ".join(f"{number:.4g}" for number in row[:4])
    return f"[{numbers}, …]" if len(row) > 4 else f"[{numbers}]"
