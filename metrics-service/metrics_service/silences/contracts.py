"""What a silence is, as clients see it."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Self
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from metrics_service.alerts.alert import Signal
from metrics_service.readable import readable
from shared.contracts.names import ModelName

LONGEST = timedelta(days=90)
"""Longer is not a silence but a wish to have no alerts."""


class NewSilence(BaseModel):
    """Whom to silence and until when."""

    model_config = ConfigDict(
        extra="forbid",
        protected_namespaces=(),
        json_schema_extra={
            "examples": [{"model_name": "sentiment", "signal": "drift", "minutes": 120, "reason": "new"}]
        },
    )

    model_name: ModelName | None = Field(None, description="null: every model")
    signal: Signal | None = Field(None, description="null: every signal")
    until: AwareDatetime | None = Field(None, description="When it ends, with a time zone; this or `minutes`")
    minutes: int | None = Field(None, ge=1, le=129_600, description="How long it lasts from now on")
    reason: Annotated[str, AfterValidator(readable)] = Field("", max_length=500, description="For the audit trail")

    @model_validator(mode="after")
    def ends_once(self) -> Self:
        """Raises ValueError unless exactly one of `until` and `minutes` is named."""
        if (self.until is None) == (self.minutes is None):
            raise ValueError("name either until or minutes")
        return self

    def end(self, now: datetime) -> datetime:
        """When it ends. Raises ValueError for the past and for what is too far away."""
        end = now + timedelta(minutes=self.minutes) if self.minutes is not None else self.until
        if end is None or not now < end <= now + LONGEST:
            raise ValueError(f"until must lie within the next {LONGEST.days} days")
        return end.astimezone(UTC)


class Silence(BaseModel):
    """A silence that was set."""

    model_config = ConfigDict(protected_namespaces=())

    silence_id: UUID
    model_name: str | None = Field(description="null: every model")
    signal: Signal | None = Field(description="null: every signal")
    until: datetime
    reason: str
    created_at: datetime


class SilenceList(BaseModel):
    """Silences, those that last longest first."""

    silences: list[Silence]
