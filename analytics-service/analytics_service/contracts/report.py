"""The report that callers get, and the part of it that an analyst, Gemini or rules, has to find out."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from analytics_service.contracts.readable import one_line, readable
from analytics_service.contracts.reasons import FallbackReason
from shared.contracts.aggregates import AggregatedMetrics, VersionMetrics

Sentences = Annotated[str, BeforeValidator(readable), StringConstraints(min_length=1, max_length=2000)]
"""Prose for people: never empty, never a flood, nothing in it that cannot be seen."""

IssueType = Annotated[str, BeforeValidator(one_line), StringConstraints(min_length=1, max_length=80)]
"""What kind of issue, in a word or two."""


class Severity(StrEnum):
    """How much an issue matters, from least to most."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class ReportSource(StrEnum):
    """Who found it out."""

    GEMINI = "gemini"
    RULES = "rules"


class Finding(BaseModel):
    """One issue, as an analyst words it."""

    issue_type: IssueType = Field(
        description="What kind of issue, e.g. `low_confidence`, `slow_inference`, `label_drift`"
    )
    severity: Severity
    description: Sentences


class Findings(BaseModel):
    """What an analyst says about the numbers."""

    summary: Sentences
    identified_issues: list[Finding] = Field(max_length=20)
    recommendations: list[Sentences] = Field(max_length=20)
    root_cause_hypothesis: Sentences | None = None
    confidence_score: float = Field(ge=0, le=1, description="How sure the analyst is, from 0 to 1")


class IdentifiedIssue(Finding):
    """One issue of a report."""

    detected_at: datetime = Field(description="End of the window in which it showed")


NOT_KEPT_BY_KEY = ["percentiles", "label_distribution", "drift", "alerts", "status"]
"""What a report by key cannot speak of."""


class AllCallers(BaseModel):
    """What all callers together did in the same hours, with the same model if one was named."""

    total_predictions: int
    average_confidence: float | None = Field(description="Over the predictions that have one")
    average_inference_time_ms: float | None
    versions: list[VersionMetrics] = Field(description="By model and version, counts and averages alone")


class CallerSection(BaseModel):
    """Whose predictions a report is about, and what they are compared with."""

    key_id: UUID
    all_callers: AllCallers
    not_kept: list[str] = Field(
        NOT_KEPT_BY_KEY, description="What is not kept by key: null, empty or `normal` in `metrics_analyzed`"
    )

    @classmethod
    def of(cls, key_id: UUID, all_callers: AggregatedMetrics) -> "CallerSection":
        """A key beside the comparable numbers of all callers."""
        return cls(key_id=key_id, all_callers=AllCallers.model_validate(all_callers, from_attributes=True))


class PerformanceReport(BaseModel):
    """What the numbers of a window mean and what to do about them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "summary": "Critical: a critical threshold is breached over 412 predictions in the last minute.",
                    "identified_issues": [
                        {
                            "issue_type": "low_confidence",
                            "severity": "critical",
                            "description": "Average confidence was 0.352, 12 % below min_confidence_critical (0.4).",
                            "detected_at": "2026-01-05T12:00:00Z",
                        }
                    ],
                    "recommendations": ["Look at recent inputs: are they of the kind that the model was trained on?"],
                    "root_cause_hypothesis": "Inputs are probably harder than before.",
                    "confidence_score": 0.8,
                    "generated_at": "2026-01-05T12:00:01Z",
                    "metrics_analyzed": {
                        "total_predictions": 412,
                        "average_confidence": 0.352,
                        "status": "critical",
                        "time_window_start": "2026-01-05T11:00:00Z",
                        "time_window_end": "2026-01-05T12:00:00Z",
                    },
                    "source": "rules",
                    "fallback_reason": "no_api_key",
                }
            ]
        }
    )

    summary: str
    identified_issues: list[IdentifiedIssue]
    recommendations: list[str] = Field(description="What to do, the most urgent first")
    root_cause_hypothesis: str | None = None
    confidence_score: float = Field(ge=0, le=1)
    generated_at: datetime
    metrics_analyzed: AggregatedMetrics
    caller: CallerSection | None = Field(None, description="null: the report is about whoever asked for predictions")
    source: ReportSource
    fallback_reason: FallbackReason | None = Field(None, description="Why rules made it; null: Gemini made it")

    @classmethod
    def of(
        cls,
        findings: Findings,
        metrics: AggregatedMetrics,
        now: datetime,
        reason: FallbackReason | None = None,
        caller: CallerSection | None = None,
    ) -> "PerformanceReport":
        """Findings about `metrics` as a report: Gemini's, or with a `reason` those of the rules."""
        detected = [
            IdentifiedIssue(**finding.model_dump(), detected_at=metrics.time_window_end)
            for finding in findings.identified_issues
        ]
        return cls(
            **findings.model_dump(exclude={"identified_issues"}),
            identified_issues=detected,
            generated_at=now,
            metrics_analyzed=metrics,
            caller=caller,
            source=ReportSource.GEMINI if reason is None else ReportSource.RULES,
            fallback_reason=reason,
        )
