"""Changes of thresholds: part of a profile may be named, the whole must make sense; pure."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.config import JsonDict

from shared.contracts.faults import in_words
from shared.contracts.problem import FieldError
from shared.contracts.thresholds import ErrorLimit, Thresholds, ValueLimit
from shared.http.problems import InvalidRequest

NOT_NAMED: Any = None
"""Stands for a threshold that a change does not name; it is never read."""


def without_default(schema: JsonDict) -> None:
    """For the document: there is no default, least of all null."""
    schema.pop("default", None)


class ThresholdChange(BaseModel):
    """The thresholds to change; those not named stay as they are.

    null removes a threshold on values. The others are always there, and null is refused.
    """

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"min_confidence_warning": 0.7}]})

    min_confidence_warning: float = Field(NOT_NAMED, ge=0, le=1, json_schema_extra=without_default)
    min_confidence_critical: float = Field(NOT_NAMED, ge=0, le=1, json_schema_extra=without_default)
    max_inference_time_warning_ms: float = Field(NOT_NAMED, gt=0, le=3_600_000, json_schema_extra=without_default)
    max_inference_time_critical_ms: float = Field(NOT_NAMED, gt=0, le=3_600_000, json_schema_extra=without_default)
    min_value_warning: ValueLimit = Field(NOT_NAMED, json_schema_extra=without_default)
    min_value_critical: ValueLimit = Field(NOT_NAMED, json_schema_extra=without_default)
    max_value_warning: ValueLimit = Field(NOT_NAMED, json_schema_extra=without_default)
    max_value_critical: ValueLimit = Field(NOT_NAMED, json_schema_extra=without_default)
    max_mae_warning: ErrorLimit = Field(NOT_NAMED, json_schema_extra=without_default)
    max_mae_critical: ErrorLimit = Field(NOT_NAMED, json_schema_extra=without_default)

    def applied_to(self, stored: Thresholds) -> Thresholds:
        """The thresholds after the change; InvalidRequest when critical would not be beyond warning."""
        values = {name: getattr(stored, name) for name in Thresholds.model_fields} | self.named()
        try:
            return Thresholds(**values)
        except ValidationError as error:
            faults = error.errors(include_url=False)
            raise InvalidRequest([FieldError(location="body", message=in_words(fault)) for fault in faults]) from error

    def named(self) -> dict[str, float | None]:
        """The thresholds that are to change."""
        return {name: getattr(self, name) for name in self.model_fields_set}


class AuditedChange(BaseModel):
    """One line of the audit trail."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str | None = Field(description="null: the default profile")
    version: int
    before: Thresholds = Field(description="What was in force: the model's own thresholds or the default ones")
    after: Thresholds | None = Field(description="null: its own thresholds were removed, the default ones hold since")
    changed_at: datetime
    request_id: str
    client_address: str = Field(description="The addresses the request passed through, the client's first")
    actor_key_id: UUID | None = Field(None, description="Of the key they had; null: the admin token")
