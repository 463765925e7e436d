"""What an alert is, and what can happen to it; pure.

An alert keeps the evidence for every severity it had, and for its end. What receivers were told last is kept apart from
what it is, so that silences hold words back and nothing else.
"""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, computed_field

from shared.contracts.thresholds import Status


class Signal(StrEnum):
    """What an alert can be about; of each model at most one alert per signal is open."""

    CONFIDENCE = "confidence"
    INFERENCE_TIME = "inference_time"
    DRIFT = "drift"
    TRAFFIC = "traffic"
    ACCURACY = "accuracy"
    VALUE = "value"
    """The average of what a regression predicts, or of an embedding's norms."""
    ERROR = "error"
    """How far values are from what they should have been."""
    ROLLOUT = "rollout"
    """A candidate was rolled back by a guard."""


class Evidence(BaseModel):
    """From when on an alert had a severity, and what was measured then; `normal`: what closed it."""

    at: datetime
    severity: Status
    threshold: str
    threshold_value: float
    measured_value: float
    about: str = ""


class Ending(StrEnum):
    """How an alert came to its end."""

    RECOVERED = "recovered"
    NO_LONGER_WATCHED = "no_longer_watched"
    """Its model has predicted nothing for a day: nobody knows how it is, and nobody looks."""


MAX_HISTORY = 50
"""Severities that an alert remembers: the first one, and the last ones."""


class Alert(BaseModel):
    """Trouble with one model, from when it was seen until it was over."""

    model_config = ConfigDict(protected_namespaces=())

    alert_id: UUID
    model_name: str
    signal: Signal
    severity: Status = Field(description="Of a closed alert: the last one it had")
    threshold: str = Field(description="The threshold that is met, e.g. `min_confidence_warning`, `psi_moderate`")
    threshold_value: float
    measured_value: float = Field(description="The value that the severity was given for")
    about: str = Field("", description="What exactly was measured, where the signal alone does not say it")
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None = Field(None, description="null: it is still open")
    history: list[Evidence] = Field(
        [], description="Every severity it had with the evidence for it; `normal`: what closed it; at most 50"
    )

    @computed_field  # type: ignore[prop-decorator]
    @property
    def opened_by(self) -> Evidence | None:
        """What opened it; null: that was before evidence was kept."""
        first = self.history[0] if self.history else None
        return first if first and first.severity is not Status.NORMAL else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def closed_by(self) -> Evidence | None:
        """What closed it; null: it is open, or its model is no longer used."""
        last = self.history[-1] if self.history else None
        return last if last and last.severity is Status.NORMAL else None

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ending(self) -> Ending | None:
        """Whether it is over or only no longer watched; null: it is open, or closed before evidence was kept."""
        if self.closed_at is None or not self.history:
            return None
        return Ending.RECOVERED if self.closed_by else Ending.NO_LONGER_WATCHED

    @property
    def evidence(self) -> Evidence:
        """What speaks for its severity."""
        return Evidence(
            at=self.changed_at,
            severity=self.severity,
            threshold=self.threshold,
            threshold_value=self.threshold_value,
            measured_value=self.measured_value,
            about=self.about,
        )

    def as_told(self, announced: Status) -> "Alert | None":
        """The open alert as it was when receivers were told of a severity; None: they were told of none."""
        if announced is Status.NORMAL:
            return None
        if announced is self.severity:
            return self.model_copy(update={"history": self.history[-1:]})
        told = next((one for one in reversed(self.history) if one.severity is announced), None)
        if told is None:
            return self.model_copy(update={"severity": announced, "history": []})
        return self.model_copy(update={**told.model_dump(exclude={"at"}), "changed_at": told.at, "history": [told]})

    def unwatched(self, at: datetime) -> "Alert":
        """The alert closed without a reading; it keeps what it was about."""
        return self.model_copy(update={"changed_at": at, "closed_at": at, "history": self.history or [self.evidence]})

    def with_evidence(self, evidence: Evidence) -> "Alert":
        """The alert after its severity changed; at `normal` it is closed and keeps what it was about."""
        history = [*self.history, evidence]
        kept = [*history[:1], *history[-(MAX_HISTORY - 1) :]] if len(history) > MAX_HISTORY else history
        change: dict[str, object] = {"changed_at": evidence.at, "history": kept}
        if evidence.severity is Status.NORMAL:
            return self.model_copy(update={**change, "closed_at": evidence.at})
        return self.model_copy(update={**change, **evidence.model_dump(exclude={"at"})})


class EventType(StrEnum):
    """What happens to alerts."""

    OPENED = "alert.opened"
    ESCALATED = "alert.escalated"
    EASED = "alert.eased"
    CLOSED = "alert.closed"


DERIVED = {"opened_by", "closed_by", "ending"}
"""What an alert says of itself by its history; it is not stored."""


class AlertEvent(BaseModel):
    """One thing that happened to an alert; delivered at least once, always with the same id."""

    event_id: UUID
    type: EventType
    occurred_at: datetime
    previous_severity: Status
    alert: Alert
