"""A prediction from beginning to end: choose the model, compute, record."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from prometheus_client import Counter
from uuid_utils import uuid7

from prediction_service.batching.job import Outcome
from prediction_service.batching.problems import CallerLeft, DeadlinePassed, ModelFailed, TookTooLong
from prediction_service.models.catalogue import Catalogue
from prediction_service.models.model import Model
from prediction_service.records.addition import Addition, KeptResponse
from prediction_service.records.record import Record
from prediction_service.records.recorder import Recorder
from prediction_service.request.caller import Caller
from prediction_service.shadows.shadows import Shadows
from prediction_service.signature.signature import Instance, length_of
from prediction_service.stored import Stored
from shared.asyncio.clock import UtcNow
from shared.http.caller import caller_digest, current_caller, current_key_id
from shared.http.problems import Problem
from shared.tracing.span import Span, span

NANOSECONDS = 1_000_000_000
"""In a second."""

NO_TIME_LEFT = (CallerLeft, DeadlinePassed, TookTooLong)
"""After these nobody waits any more."""

SERVER_ERRORS = 500

STOOD_IN = Counter("prediction_stood_in", "Requests that a canary's candidate failed and the stable version computed")


class Predicted(NamedTuple):
    """The record of a prediction, and the model's whole output, by the names that its task has."""

    record: Record
    raw_output: dict[str, Any]


Keep = Callable[[Sequence[Predicted | ModelFailed]], KeptResponse]
"""From predictions that are about to be recorded to the response that is kept with them."""


class Predictor:
    """The use case, independent of HTTP. `now` returns the time in UTC."""

    def __init__(self, catalogue: Catalogue, recorder: Recorder, now: UtcNow, stored: Stored, shadows: Shadows) -> None:
        self._catalogue, self._recorder, self._now, self._stored = catalogue, recorder, now, stored
        self._shadows = shadows

    def choose(self, name: str, version: str) -> Model:
        """That version of a model, as it is loaded now. Raises ModelNotFound."""
        return self._catalogue.choose(name, version)

    async def predict(self, model: Model, instances: Sequence[Instance], caller: Caller) -> list[Predicted]:
        """One prediction for each instance, all of them on record.

        Raises Overloaded, DeadlinePassed; and ModelFailed if any instance cannot be computed: then nothing is recorded.
        """
        model, results = await self._compute_or_stand_in(model, instances, caller)
        return await self._record(model, list(zip(instances, outcomes_of(results, noun_of(model)), strict=True)))

    async def predict_each(
        self, model: Model, instances: Sequence[Instance], caller: Caller
    ) -> list[Predicted | ModelFailed]:
        """As `predict`, but what cannot be computed has an error in its place, and the others are predicted.

        Raises ModelFailed when nothing can be computed.
        """
        model, results = await self._compute_some(model, instances, caller)
        return await self.record_each(model, instances, results)

    async def record_each(
        self, model: Model, instances: Sequence[Instance], results: Sequence[Outcome | ModelFailed]
    ) -> list[Predicted | ModelFailed]:
        """Records what was computed, in one transaction; errors stay in their places."""
        computed = computed_of(instances, results)
        predicted = await self._record(model, computed) if computed else []
        return in_their_places(predicted, results)

    async def predict_once(
        self, model: Model, instances: Sequence[Instance], caller: Caller, keep: Keep
    ) -> tuple[KeptResponse, bool]:
        """As `predict_each`, for a response that is kept with the predictions: the one that `keep` makes of them.

        True beside it: it is another one, which was kept under its key before, and nothing was recorded.
        """
        model, results = await self._compute_some(model, instances, caller)
        computed = computed_of(instances, results)
        predicted = self._describe_all(model, computed)
        kept = keep(in_their_places(predicted, results))
        kept_before = await self._recorder.add(addition_of(predicted, computed, kept))
        if kept_before is not None:
            return kept_before, True
        self._shadow(model, computed, predicted)
        return kept, False

    async def compute(self, model: Model, instances: Sequence[Instance], caller: Caller) -> list[Outcome | ModelFailed]:
        """The model's result for each instance, while the recorder expects them. Raises what `Batcher.run` raises."""
        with self._recorder.expecting(), span("compute") as spanned:
            running = model.batcher.run(instances, caller, use_cache=not model.is_compared)
            results = await (running if model.counts is None else model.counts.of(running))
            if isinstance(spanned, Span):
                trace_model(spanned, model, results)
            return results

    async def _compute_some(
        self, model: Model, instances: Sequence[Instance], caller: Caller
    ) -> tuple[Model, list[Outcome | ModelFailed]]:
        """As `_compute_or_stand_in`. Raises ModelFailed when nothing can be computed."""
        model, results = await self._compute_or_stand_in(model, instances, caller)
        if not any(isinstance(result, Outcome) for result in results):
            outcomes_of(results, noun_of(model))
        return model, results

    async def _compute_or_stand_in(
        self, model: Model, instances: Sequence[Instance], caller: Caller
    ) -> tuple[Model, list[Outcome | ModelFailed]]:
        """What was computed, and by which model: where a candidate fails, the stable version does what it could not.

        That it failed is counted all the same. Where it took all the time that the caller gives, there is none left.
        """
        if model.instead is None:
            return model, await self.compute(model, instances, caller)
        try:
            results = await self.compute(model, instances, caller)
        except Problem as problem:
            if isinstance(problem, NO_TIME_LEFT) or problem.status < SERVER_ERRORS:
                raise
        else:
            if not any(isinstance(result, ModelFailed) for result in results):
                return model, results
        STOOD_IN.inc()
        return model.instead, await self.compute(model.instead, instances, caller)

    async def _record(self, model: Model, computed: Sequence[tuple[Instance, Outcome]]) -> list[Predicted]:
        """Records the predictions, all in one transaction."""
        predicted = self._describe_all(model, computed)
        await self._recorder.add(addition_of(predicted, computed))
        self._shadow(model, computed, predicted)
        return predicted

    def _shadow(
        self, model: Model, computed: Sequence[tuple[Instance, Outcome]], predicted: Sequence[Predicted]
    ) -> None:
        """Lets a candidate in the shadow compute the same, now that it is on record."""
        if model.shadow is not None:
            self._shadows.offer(model.shadow, (instance for instance, _ in computed), predicted)

    def _describe_all(self, model: Model, computed: Sequence[tuple[Instance, Outcome]]) -> list[Predicted]:
        """The prediction of each of these instances."""
        bins = model.bins_of([instance for instance, _ in computed])
        return [
            self._describe(model, instance, outcome, own)
            for (instance, outcome), own in zip(computed, bins, strict=True)
        ]

    def _describe(
        self, model: Model, instance: Instance, outcome: Outcome, bins: Sequence[int | None] | None
    ) -> Predicted:
        """The prediction of one instance, as the model's task has it."""
        manifest = model.manifest
        finding = manifest.task.finding(outcome.output)
        caller = current_caller.get()
        record = Record(
            prediction_id=str(uuid7()),
            created_at=self._now(),
            model_name=model.name,
            model_version=model.version,
            task_type=manifest.task_type,
            prediction_label=finding.label,
            confidence=finding.confidence,
            inference_time_ms=outcome.inference_seconds * 1000,
            input_length=length_of(instance),
            metrics_data=measured(outcome),
            text=self._stored.text_of(model.name, instance),
            prediction_value=finding.value,
            labels=finding.labels,
            input_bins=bins,
            inputs=self._stored.inputs_of(model.name, manifest.signature, instance),
            caller=caller_digest(caller) if caller else None,
            key_id=current_key_id.get(),
        )
        return Predicted(record, finding.raw)


def addition_of(
    predicted: Sequence[Predicted], computed: Sequence[tuple[Instance, Outcome]], kept: KeptResponse | None = None
) -> Addition:
    """What a request adds to the record; it has waited for its model at least as long as the last of its instances."""
    waited = max((outcome.queue_seconds + outcome.inference_seconds for _, outcome in computed), default=0.0)
    return Addition([prediction.record for prediction in predicted], kept, waited)


def measured(outcome: Outcome) -> dict[str, Any]:
    """What is on record of how a prediction came about."""
    queue_time_ms = round(outcome.queue_seconds * 1000, 3)
    if outcome.is_cached:
        return {"cache": "hit", "queue_time_ms": queue_time_ms}
    return {"batch_rows": outcome.batch_rows, "queue_time_ms": queue_time_ms}


def trace_model(computing: Span, model: Model, results: Sequence[Outcome | ModelFailed]) -> None:
    """Within a span that ends now: how long the row that took longest waited, and how long its model then took."""
    outcomes = [result for result in results if isinstance(result, Outcome)]
    computing.set("modelserver.model", model.name)
    computing.set("modelserver.model_version", model.version)
    computing.set("modelserver.rows", len(results))
    if len(outcomes) < len(results):
        computing.error = ModelFailed.__name__
    called_for = [outcome for outcome in outcomes if not outcome.is_cached]
    if len(called_for) < len(outcomes):
        computing.set("modelserver.cached_rows", len(outcomes) - len(called_for))
    if called_for:
        last = max(called_for, key=lambda outcome: outcome.queue_seconds + outcome.inference_seconds)
        queue, called = computing.child("queue"), computing.child("model")
        called.start_ns = queue.start_ns - round(last.inference_seconds * NANOSECONDS)
        queue.start_ns = called.start_ns - round(last.queue_seconds * NANOSECONDS)
        called.set("modelserver.batch_rows", last.batch_rows)
        queue.end(called.start_ns)
        called.end()
        model.batcher.traced(last, computing.trace_id)


def computed_of(
    instances: Sequence[Instance], results: Sequence[Outcome | ModelFailed]
) -> list[tuple[Instance, Outcome]]:
    """Those that were computed."""
    return [
        (instance, result) for instance, result in zip(instances, results, strict=True) if isinstance(result, Outcome)
    ]


def in_their_places(
    predicted: Iterable[Predicted], results: Sequence[Outcome | ModelFailed]
) -> list[Predicted | ModelFailed]:
    """The predictions among the errors, as the results have it."""
    given = iter(predicted)
    return [next(given) if isinstance(result, Outcome) else result for result in results]


def noun_of(model: Model) -> str:
    """What an instance of a model is called where a person reads it."""
    return "text" if model.manifest.signature.is_plain_text else "row"


def outcomes_of(results: Sequence[Outcome | ModelFailed], noun: str) -> list[Outcome]:
    """The outcomes of all instances. Raises ModelFailed if one has none."""
    outcomes = []
    for index, result in enumerate(results):
        if isinstance(result, ModelFailed):
            raise result if len(results) == 1 else ModelFailed(f"The model could not compute {noun} number {index}.")
        outcomes.append(result)
    return outcomes
