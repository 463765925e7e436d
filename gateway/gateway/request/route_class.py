"""What a request is for, as limits tell requests apart."""

from enum import StrEnum


class RouteClass(StrEnum):
    """The classes of what services do."""

    PREDICT = "predict"
    """`/predict`, `/predict/batch`, inference by `/v2`."""
    ANALYZE = "analyze"
    """Reports."""
    READ = "read"
    """Aggregates, alerts, the record."""
    FEEDBACK = "feedback"
    """Judgements."""

    __hash__ = str.__hash__  # as fast as of any string: every request is looked up by it again and again


COUNTED_TOGETHER = frozenset({RouteClass.PREDICT, RouteClass.ANALYZE, RouteClass.FEEDBACK})
"""What a limit counts that names no class: what makes a service compute or keep something."""
