"""The use case: choose a model → run it in a batch → record → answer."""

from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from uuid_utils.compat import uuid7

from prediction_service.batcher import Answer, Batcher
from prediction_service.contracts import Prediction, PredictionMetric, PredictionOptions
from prediction_service.model_repository import Model, ModelRepository
from prediction_service.recorder import Record, Recorder


class Predictor:
    """Answers texts. `async with` keeps a batcher per model."""

    def __init__(
        self, repository: ModelRepository, recorder: Recorder, *, store_text: bool, max_waiting_texts: int
    ) -> None:
        self._repository, self._recorder, self._store_text = repository, recorder, store_text
        self._batchers = {id(model): Batcher(model, max_waiting_texts) for model in repository.all()}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        for batcher in self._batchers.values():
            await self._stack.enter_async_context(batcher)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def predict(self, texts: Sequence[str], options: PredictionOptions) -> list[Prediction]:
        """One prediction per text, in order, all of them on record.

        Raises UnknownModel, TaskNotOffered, Overloaded, RecordUnavailable.
        """
        model = self._repository.find(options.model_name, options.task_type)
        answers = await self._batchers[id(model)].run(texts)
        now = datetime.now(UTC)
        records = [self._record(model, text, answer, now) for text, answer in zip(texts, answers, strict=True)]
        await self._recorder.record(records)
        return [prediction_of(record, include_metrics=options.include_metrics) for record in records]

    def _record(self, model: Model, text: str, answer: Answer, now: datetime) -> Record:
        return Record(
            prediction_id=UUID(int=uuid7().int),
            created_at=now,
            model_name=model.name,
            model_version=model.version,
            task_type=model.manifest.task,
            prediction_label=answer.classification.label,
            confidence=answer.classification.confidence,
            inference_time_ms=answer.inference_time_ms,
            input_length=len(text),
            metrics_data={"scores": answer.classification.scores},
            text=text.replace("\0", "\N{REPLACEMENT CHARACTER}") if self._store_text else None,
        )


def prediction_of(record: Record, *, include_metrics: bool) -> Prediction:
    """The answer for a record; both say the same."""
    metric = PredictionMetric.model_construct(
        prediction_id=record.prediction_id,
        prediction_label=record.prediction_label,
        task_type=record.task_type,
        model_name=record.model_name,
        model_version=record.model_version,
        confidence=record.confidence,
        inference_time_ms=record.inference_time_ms,
        input_length=record.input_length,
        timestamp=record.created_at,
        metrics_data=record.metrics_data,
    )
    return Prediction.model_construct(
        prediction_id=record.prediction_id,
        prediction_label=record.prediction_label,
        task_type=record.task_type,
        model_name=record.model_name,
        model_version=record.model_version,
        confidence=record.confidence,
        inference_time_ms=record.inference_time_ms,
        timestamp=record.created_at,
        metric=metric if include_metrics else None,
        raw_output={"scores": record.metrics_data["scores"]},
    )
