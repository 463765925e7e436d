"""From stored predictions to the bodies of the public API."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from prediction_service.api.schemas import (
    BatchItemError,
    BatchResponse,
    LoadedModel,
    ModelList,
    Prediction,
    PredictionMetric,
    RawOutput,
    SkippedFolder,
    WaitingFolder,
)
from prediction_service.batching.problems import ModelFailed
from prediction_service.models.repository import ModelRepository
from prediction_service.predict import Predicted
from prediction_service.records.record import Record
from prediction_service.request.texts import MAX_BATCH_CHARACTERS, check_text
from shared.contracts.problem import FieldError, ProblemDetails
from shared.http.problems import InvalidRequest


@dataclass(frozen=True, slots=True)
class CheckedBatch:
    """The acceptable texts of a batch, and the faults of the others by position."""

    texts: list[str]
    faults: dict[int, str]
    size: int


def check_batch(texts: Sequence[str]) -> CheckedBatch:
    """Separates out unacceptable texts. Raises InvalidRequest if no other is left, or if all together are too long."""
    if sum(map(len, texts)) > MAX_BATCH_CHARACTERS:
        message = f"must have at most {MAX_BATCH_CHARACTERS} characters together"
        raise InvalidRequest([FieldError(location="body.texts", message=message)])
    good, faults = [], {}
    for index, text in enumerate(texts):
        try:
            good.append(check_text(text))
        except ValueError as error:
            faults[index] = str(error)
    if not good:
        raise InvalidRequest(
            [FieldError(location=f"body.texts.{index}", message=message) for index, message in faults.items()]
        )
    return CheckedBatch(good, faults, len(texts))


def batch_response(
    batch: CheckedBatch, predicted: Sequence[Predicted | ModelFailed], *, include_metrics: bool
) -> BatchResponse:
    """Predictions and errors at the positions of their texts."""
    results = iter(predicted)
    return BatchResponse(
        predictions=[
            bad_text(index, batch.faults[index])
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


def bad_text(index: int, message: str) -> BatchItemError:
    """The error in place of a prediction, for a text that was not acceptable."""
    fault = FieldError(location=f"body.texts.{index}", message=message)
    problem = ProblemDetails(
        title=InvalidRequest.title, status=InvalidRequest.status, detail=f"The text {message}.", errors=[fault]
    )
    return BatchItemError(error=problem)


def prediction_of(predicted: Predicted, *, include_metrics: bool) -> Prediction:
    """The response for one text, from what was recorded."""
    repeated = repeated_columns(predicted.record)
    return Prediction(
        **repeated,
        metric=metric_of(predicted.record, repeated) if include_metrics else None,
        raw_output=RawOutput(scores=predicted.scores),
    )


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
        "inference_time_ms": record.inference_time_ms,
        "timestamp": record.created_at,
    }


def model_list(repository: ModelRepository) -> ModelList:
    """The response of /models."""
    models, listed_names = [], set()
    for model in repository.catalogue.models():
        manifest = model.manifest
        state, reason = repository.state_of(model)
        models.append(
            LoadedModel(
                name=model.name,
                version=model.version,
                task_type=manifest.task_type,
                labels=manifest.labels,
                runtime=manifest.runtime.kind,
                source=manifest.source or f"{model.name}/{model.version}",
                description=manifest.description,
                default=model.name == repository.catalogue.default_name and model.name not in listed_names,
                digest=model.digest,
                state=state,
                reason=reason,
            )
        )
        listed_names.add(model.name)
    skipped = [SkippedFolder(folder=folder, reason=reason) for folder, reason in repository.skipped().items()]
    waiting = [
        WaitingFolder(folder=folder, state=state, reason=reason)
        for folder, (state, reason) in repository.waiting().items()
    ]
    return ModelList(models=models, skipped=skipped, waiting=waiting)
