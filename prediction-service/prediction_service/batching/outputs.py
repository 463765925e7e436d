"""What a model may say about a text: probabilities, one per label, as it gives them. Nothing is put right here."""

from collections.abc import Sequence

SUM_TOLERANCE = 1e-3
"""How far from 1 the probabilities of a text may add up, in numbers of 16 bits; and how far below 0 one may be."""


class NotProbabilities(ValueError):
    """What a model gave for a text are no probabilities; the message says what it gave."""


def fault_of(row: Sequence[float]) -> str | None:
    """Why these are no probabilities; None when they are. A NaN or an infinity makes the sum one."""
    total = sum(row)
    if not abs(total - 1.0) <= SUM_TOLERANCE:
        return f"{shown(row)} add up to {total:.6g}, not to 1"
    if min(row) < -SUM_TOLERANCE:
        return f"{shown(row)} are not between 0 and 1"
    return None


def checked(rows: Sequence[Sequence[float]], expected: int) -> list[Sequence[float] | NotProbabilities]:
    """Each row as it is, or what is wrong with it in its place. Raises ValueError if some are missing."""
    if len(rows) != expected:
        raise ValueError(f"{expected} texts, {len(rows)} results")
    return [row if are_probabilities(row) else judged(row) for row in rows]


def are_probabilities(row: Sequence[float]) -> bool:
    """Without any doubt, as nearly all are."""
    return min(row) >= 0.0 and abs(sum(row) - 1.0) <= SUM_TOLERANCE and max(row) <= 1.0


def judged(row: Sequence[float]) -> Sequence[float] | NotProbabilities:
    """What is wrong with it, or the row without what rounding leaves beyond 0 and 1."""
    fault = fault_of(row)
    return NotProbabilities(fault) if fault else [min(max(probability, 0.0), 1.0) for probability in row]


def shown(row: Sequence[float]) -> str:
    """The first numbers of a row, for a person."""
    numbers = ", ".join(f"{number:.4g}" for number in row[:4])
    return f"[{numbers}, …]" if len(row) > 4 else f"[{numbers}]"
