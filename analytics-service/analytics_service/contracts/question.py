"""What a report is asked about: all predictions of a window, or those of one key."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from pydantic import Field, ValidationInfo, field_validator

from shared.contracts.aggregates import MetricsQuery

HOUR_MINUTES = 60


class ReportQuery(MetricsQuery):
    """Which predictions a report is about: a window, optionally of one task, one model or one version, or of one key.

    By key whole hours of UTC are counted, by model and version: `time_window_minutes` is a multiple of 60, `window_end`
    a full hour (null: the end of the hour that is under way), and neither task nor version can be named.
    """

    key_id: UUID | None = Field(
        None,
        description="Only what came with this key, over whole hours; needs the right to read the record besides",
    )

    @field_validator("key_id")
    @classmethod
    def is_counted_by_key(cls, key_id: UUID | None, info: ValidationInfo) -> UUID | None:
        """Raises ValueError for a question that the counts of keys have no numbers for."""
        if key_id is not None and (fault := not_counted_by_key(info.data)):
            raise ValueError(fault)
        return key_id

    def of_all_callers(self) -> MetricsQuery:
        """The same question about whoever asked for the predictions."""
        return MetricsQuery(**self.model_dump(exclude={"key_id"}))


def not_counted_by_key(asked: dict[str, Any]) -> str | None:
    """Which part of a question has no answer by key; None: none. A part that is not valid itself is not in it."""
    if asked.get("time_window_minutes", HOUR_MINUTES) % HOUR_MINUTES:
        return "by key there are whole hours: time_window_minutes must be a multiple of 60"
    end: datetime | None = asked.get("window_end")
    if end is not None and end.astimezone(UTC) != end.astimezone(UTC).replace(minute=0, second=0, microsecond=0):
        return "by key there are whole hours: window_end must be a full hour of UTC"
    if asked.get("task_type") is not None:
        return "by key there are no tasks: leave task_type out, or name a model"
    if asked.get("model_version") is not None:
        return "a report by key has every version: leave model_version out"
    return None
