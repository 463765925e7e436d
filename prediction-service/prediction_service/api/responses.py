"""From stored predictions to the bodies of the public API."""

from collections.abc import Sequence
from typing import Any

from prediction_service.api.instances import CheckedBatch
from prediction_service.api.schemas import (
    BatchItemError,
    GoldenRows,
    LoadedModel,
    ModelList,
    ModelRollout,
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
from shared.http.written_json import Json, json_bytes
from shared.service.key_models import KeyModels


def write_one(predicted: Predicted, *, include_metrics: bool) -> bytes:
    """A `Prediction`."""
    return json_bytes(prediction_of(predicted, include_metrics=include_metrics))


def write_many(batch: CheckedBatch, predicted: Sequence[Predicted | ModelFailed], *, include_metrics: bool) -> bytes:
    """A `BatchResponse`: predictions and errors at the positions of their texts or rows."""
    results = iter(predicted)
    items = [
        bad_input(batch.faults[index])
        if index in batch.faults
        else batch_item(next(results), include_metrics=include_metrics)
        for index in range(batch.size)
    ]
    return json_bytes({"predictions": items})


def batch_item(predicted: Predicted | ModelFailed, *, include_metrics: bool) -> Json:
    """A prediction, or the error in its place."""
    if isinstance(predicted, Predicted):
        return prediction_of(predicted, include_metrics=include_metrics)
    return item_error(type=predicted.type, title=predicted.title, status=predicted.status, detail=predicted.detail)


def bad_input(faults: list[FieldError]) -> Json:
    """What stands in place of a prediction for a text or row that no model was given."""
    is_text = faults[0].location.startswith("body.texts.")
    detail = f"The text {faults[0].message}." if is_text else "The row is not valid; see errors."
    return item_error(title=InvalidRequest.title, status=InvalidRequest.status, detail=detail, errors=faults)


def item_error(**problem: Any) -> Json:
    """A `BatchItemError` of these fields of a problem."""
    return BatchItemError(error=ProblemDetails(**problem)).model_dump()


def prediction_of(predicted: Predicted, *, include_metrics: bool) -> Json:
    """A `Prediction`, from what was recorded: its task has judged every number in it, so nobody validates it again."""
    record = predicted.record
    repeated = repeated_columns(record)
    return {
        **repeated,
        "timestamp": record.created_at,
        "metric": metric_of(record, repeated) if include_metrics else None,
        "raw_output": predicted.raw_output,
    }


def metric_of(record: Record, repeated: Json) -> Json:
    """A record as `PredictionMetric`: the columns in `repeated`, and further ones."""
    return {
        **repeated,
        "input_length": record.input_length,
        "timestamp": record.created_at,
        "metrics_data": record.metrics_data,
    }


def repeated_columns(record: Record) -> Json:
    """The columns of a record that a response has twice, by their public names."""
    columns = {
        "prediction_id": record.prediction_id,
        "prediction_label": record.prediction_label,
        "task_type": record.task_type,
        "model_name": record.model_name,
        "model_version": record.model_version,
        "confidence": record.confidence,
    }
    if record.prediction_value is not None:
        columns["prediction_value"] = record.prediction_value
    columns["inference_time_ms"] = record.inference_time_ms
    return columns


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
