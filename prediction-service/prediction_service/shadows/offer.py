"""A request that the stable version has answered, and the candidate may compute as well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prediction_service.batching.job import Outcome
from prediction_service.models.model import Shadow
from prediction_service.records.record import Record
from prediction_service.shadows.agreement import agreement_of
from prediction_service.signature.signature import Instance
from shared.http.problems import Problem


@dataclass(frozen=True, slots=True, eq=False)
class Offer:
    """`said`: of each instance what the stable version did, its record and its raw output."""

    shadow: Shadow
    instances: Sequence[Instance]
    said: Sequence[tuple[Record, Mapping[str, Any]]]
    offered_at: float

    @property
    def size(self) -> int:
        """What the instances take, in characters or elements."""
        return sum(record.input_length for record, _ in self.said)


def rows_of(offer: Offer, results: Sequence[Outcome | Problem]) -> list[dict[str, Any]]:
    """Rows of predictions.shadow, one for each instance."""
    return [
        row_of(offer.shadow, record, raw_output, result)
        for (record, raw_output), result in zip(offer.said, results, strict=True)
    ]


def row_of(shadow: Shadow, record: Record, raw_output: Mapping[str, Any], result: Outcome | Problem) -> dict[str, Any]:
    """Both predictions, and how alike they are; or why there is none of the candidate."""
    row = {
        "prediction_id": record.prediction_id,
        "made_at": record.created_at,
        "model_name": record.model_name,
        "stable_version": record.model_version,
        "candidate_version": shadow.candidate.version,
        "started_at": shadow.started_at,
        "task_type": record.task_type,
        "stable_label": record.prediction_label,
        "stable_confidence": record.confidence,
        "stable_value": record.prediction_value,
        "stable_time_ms": record.inference_time_ms,
    }
    if isinstance(result, Problem):
        return row | {"error": result.detail or result.title}
    finding = shadow.candidate.manifest.task.finding(result.output)
    agreement = agreement_of(raw_output, finding.raw)
    return row | {
        "prediction_label": finding.label,
        "confidence": finding.confidence,
        "prediction_value": finding.value,
        "labels": finding.labels,
        "inference_time_ms": result.inference_seconds * 1000,
        "agrees": agreement.agrees,
        "distance": agreement.distance,
    }
