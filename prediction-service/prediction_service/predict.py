"""A prediction from beginning to end: choose the model, compute, record."""

from collections.abc import Sequence
from dataclasses import dataclass

from uuid_utils import uuid7

from prediction_service.batching.job import Outcome
from prediction_service.batching.problems import ModelFailed
from prediction_service.models.catalogue import Catalogue
from prediction_service.models.model import Model
from prediction_service.records.record import Record
from prediction_service.records.recorder import Recorder
from prediction_service.request.caller import Caller
from shared.asyncio.clock import UtcNow


@dataclass(frozen=True, slots=True)
class Predicted:
    """The record of a prediction, and the probability of each label."""

    record: Record
    scores: dict[str, float]


class Predictor:
    """The use case, independent of HTTP. `now` returns the time in UTC."""

    def __init__(self, catalogue: Catalogue, recorder: Recorder, now: UtcNow, *, store_text: bool) -> None:
        self._catalogue, self._recorder, self._now = catalogue, recorder, now
        self._store_text = store_text

    async def predict(
        self,
        texts: Sequence[str],
        caller: Caller,
        *,
        name: str | None = None,
        version: str | None = None,
        task: str | None = None,
    ) -> list[Predicted]:
        """One prediction for each text, all of them on record.

        Raises ModelNotFound, Overloaded, DeadlinePassed; and ModelFailed if any text cannot be computed: then nothing
        is recorded.
        """
        model, results = await self._compute(texts, caller, name, version, task)
        return await self._record(model, list(zip(texts, outcomes_of(results), strict=True)))

    async def predict_each(
        self,
        texts: Sequence[str],
        caller: Caller,
        *,
        name: str | None = None,
        version: str | None = None,
        task: str | None = None,
    ) -> list[Predicted | ModelFailed]:
        """As `predict`, but a text that cannot be computed has an error in its place, and the others are predicted.

        Raises ModelFailed when no text can be computed.
        """
        model, results = await self._compute(texts, caller, name, version, task)
        computed = [(text, result) for text, result in zip(texts, results, strict=True) if isinstance(result, Outcome)]
        if not computed:
            outcomes_of(results)
        predicted = iter(await self._record(model, computed))
        return [next(predicted) if isinstance(result, Outcome) else result for result in results]

    async def _compute(
        self,
        texts: Sequence[str],
        caller: Caller,
        name: str | None,
        version: str | None,
        task: str | None,
    ) -> tuple[Model, list[Outcome | ModelFailed]]:
        """The chosen model, and its result for each text."""
        model = self._catalogue.choose(name, version, task)
        with self._recorder.expecting():
            return model, await model.batcher.run(texts, caller)

    async def _record(self, model: Model, computed: Sequence[tuple[str, Outcome]]) -> list[Predicted]:
        """Records the predictions, all in one transaction."""
        predicted = [self._describe(model, text, outcome) for text, outcome in computed]
        await self._recorder.add([prediction.record for prediction in predicted])
        return predicted

    def _describe(self, model: Model, text: str, outcome: Outcome) -> Predicted:
        """The prediction of one text: its label is the first of those with the highest probability."""
        scores = model.scores(outcome.probabilities)
        label = max(scores, key=scores.__getitem__)
        record = Record(
            prediction_id=str(uuid7()),
            created_at=self._now(),
            model_name=model.name,
            model_version=model.version,
            task_type=model.manifest.task_type,
            prediction_label=label,
            confidence=scores[label],
            inference_time_ms=outcome.inference_seconds * 1000,
            input_length=len(text),
            metrics_data={
                "batch_rows": outcome.batch_rows,
                "queue_time_ms": round(outcome.queue_seconds * 1000, 3),
            },
            text=text if self._store_text else None,
        )
        return Predicted(record, scores)


def outcomes_of(results: Sequence[Outcome | ModelFailed]) -> list[Outcome]:
    """The outcomes of all texts. Raises ModelFailed if a text has none."""
    outcomes = []
    for index, result in enumerate(results):
        if isinstance(result, ModelFailed):
            raise result if len(results) == 1 else ModelFailed(f"The model could not compute text number {index}.")
        outcomes.append(result)
    return outcomes
