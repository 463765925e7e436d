"""Changes of thresholds: part of a profile may be named, the whole must make sense; pure."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.contracts.metrics import Thresholds
from shared.contracts.problem import FieldError
from shared.runtime.problems import InvalidRequest


class ThresholdChange(BaseModel):
    """The thresholds to change; those not named stay as they are."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"min_confidence_warning": 0.7}]})

    min_confidence_warning: float | None = Field(None, ge=0, le=1)
    min_confidence_critical: float | None = Field(None, ge=0, le=1)
    max_inference_time_warning_ms: float | None = Field(None, gt=0, le=3_600_000)
    max_inference_time_critical_ms: float | None = Field(None, gt=0, le=3_600_000)

    def applied_to(self, stored: Thresholds) -> Thresholds:
        """The thresholds after the change; InvalidRequest when critical would not be beyond warning."""
        values = {name: getattr(stored, name) for name in Thresholds.model_fields} | self.named()
        try:
            return Thresholds(**values)
        except ValidationError as error:
            faults = error.errors(include_url=False)
            raise InvalidRequest([FieldError(location="body", message=fault["msg"]) for fault in faults]) from error

    def named(self) -> dict[str, float]:
        """The thresholds that are to change."""
        return self.model_dump(exclude_none=True)


class AuditedChange(BaseModel):
    """One line of the audit trail."""

    model_config = ConfigDict(protected_namespaces=())

    model_name: str | None = Field(description="null: the default profile")
    version: int
    before: Thresholds = Field(description="What was in force: the model's own thresholds or the default ones")
    after: Thresholds
    changed_at: datetime
    request_id: str
    client_address: str = Field(description="The addresses the request passed through, the client's first")
