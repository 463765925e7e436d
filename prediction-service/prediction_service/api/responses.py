"""From stored predictions to the bodies of the public API."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel

from prediction_service.api.instances import CheckedBatch
from prediction_service.api.schemas import (
    BatchItemError,
    BatchResponse,
    EmbeddingOutput,
    GenericOutput,
    GoldenRows,
    LoadedModel,
    ModelList,
    ModelRollout,
    MultilabelOutput,
    Prediction,
    PredictionMetric,
    RawOutput,
    RegressionOutput,
    SkippedFolder,
    WaitingFolder,
)
from prediction_service.batching.problems import ModelFailed
from prediction_service.models.candidates import Candidates
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.repository import ModelRepository
from prediction_service.predict import Predicted
from prediction_service.records.record import Record
from prediction_service.rollouts.policies import Policies
from prediction_service.signature.signature import TEXT
from shared.contracts.problem import FieldError, ProblemDetails
from shared.http.problems import InvalidRequest
from shared.service.key_models import KeyModels


def batch_response(
    batch: CheckedBatch, predicted: Sequence[Predicted | ModelFailed], *, include_metrics: bool
) -> BatchResponse:
    """Predictions and errors at the positions of their texts or rows."""
    results = iter(predicted)
    return BatchResponse(
        predictions=[
            bad_input(batch.faults[index])
            if index in batch.faults
            else batch_item(next(results), include_metrics=include_metrics)
            for index in range(batch.size)
        ]
    )


def batch_item(predicted: Predicted | ModelFailed, *, include_metrics: bool) -> Prediction | BatchItemError:
    """A prediction, or the error in its place."""
    if isinstance(predicted, Predicted):
        return prediction_of(predicted, include_metrics=include_metrics)
    problem = ProblemDetails(
        type=predicted.type, title=predicted.title, status=predicted.status, detail=predicted.detail
    )
    return BatchItemError(error=problem)


def bad_input(faults: list[FieldError]) -> BatchItemError:
    """What stands in place of a prediction for a text or row that no model was given."""
    is_text = faults[0].location.startswith("body.texts.")
    detail = f"The text {faults[0].message}." if is_text else "The row is not valid; see errors."
    problem = ProblemDetails(title=InvalidRequest.title, status=InvalidRequest.status, detail=detail, errors=faults)
    return BatchItemError(error=problem)


def prediction_of(predicted: Predicted, *, include_metrics: bool) -> Prediction:
    """The response for one instance, from what was recorded."""
    repeated = repeated_columns(predicted.record)
    return Prediction(
        **repeated,
        metric=metric_of(predicted.record, repeated) if include_metrics else None,
        raw_output=RAW_OUTPUTS.get(predicted.record.task_type, RawOutput)(**predicted.raw_output),
    )


RAW_OUTPUTS: dict[str, type[BaseModel]] = {
    "multilabel": MultilabelOutput,
    "regression": RegressionOutput,
    "embedding": EmbeddingOutput,
    "generic": GenericOutput,
}
"""Task → its whole output; a classification of whatever name has RawOutput."""


def metric_of(record: Record, repeated: dict[str, Any]) -> PredictionMetric:
    """A record as `metric`: the columns in `repeated`, and further ones."""
    return PredictionMetric(**repeated, input_length=record.input_length, metrics_data=record.metrics_data)


def repeated_columns(record: Record) -> dict[str, Any]:
    """The columns of a record that every response contains, by their public names."""
    return {
        "prediction_id": record.prediction_id,
        "prediction_label": record.prediction_label,
        "task_type": record.task_type,
        "model_name": record.model_name,
        "model_version": record.model_version,
        "confidence": record.confidence,
        "prediction_value": record.prediction_value,
        "inference_time_ms": record.inference_time_ms,
        "timestamp": record.created_at,
    }


def inputs_of(manifest: Manifest) -> list[dict[str, Any]]:
    """What a model takes, as its manifest would say it."""
    if manifest.signature.is_plain_text:
        return [{"name": TEXT, "type": "text", "required": True}]
    return [declared.model_dump(exclude_none=True) for declared in manifest.inputs]


def model_list(repository: ModelRepository, policies: Policies, candidates: Candidates, shown: KeyModels) -> ModelList:
    """The response of /models, to who may know of these models."""
    models = []
    default = repository.catalogue.default_name
    default_version = policies.of(default).stable_version or next(iter(repository.catalogue.versions(default)), None)
    for model in [model for model in repository.catalogue.models() if model.name in shown]:
        manifest = model.manifest
        state, reason = repository.state_of(model)
        models.append(
            LoadedModel(
                name=model.name,
                version=model.version,
                task_type=manifest.task_type,
                labels=manifest.labels,
                inputs=inputs_of(manifest),
                unit=manifest.unit or None,
                dimension=manifest.dimension,
                outputs=manifest.outputs,
                runtime=manifest.runtime.kind,
                source=manifest.source or f"{model.name}/{model.version}",
                description=manifest.description,
                default=(model.name, model.version) == (default, default_version),
                digest=model.digest,
                card=model.card is not None,
                golden=GoldenRows(**model.golden._asdict()),
                state=state,
                reason=reason,
                share=candidates.shares(model.name).get(model.version, 0.0),
            )
        )
    skipped = [
        SkippedFolder(folder=folder, reason=reason)
        for folder, reason in repository.skipped().items()
        if name_in(folder) in shown
    ]
    waiting = [
        WaitingFolder(folder=folder, state=state, reason=reason)
        for folder, (state, reason) in repository.waiting().items()
        if name_in(folder) in shown
    ]
    return ModelList(
        models=models,
        skipped=skipped,
        waiting=waiting,
        rollouts=[
            ModelRollout(**policy.model_dump(include=TOLD), trouble=candidates.trouble(policy.model_name))
            for policy in policies.all()
            if policy.model_name in shown
        ],
        rollouts_known_from=policies.known_from,
    )


def name_in(folder: str) -> str:
    """Whose folder `name/version` is."""
    return folder.partition("/")[0]


TOLD = {"model_name", "revision", "mode", "stable_version", "candidate_version", "share"}
"""What of a policy everybody may know."""
