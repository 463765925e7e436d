"""A group of rows on its way through the model and into the record: patient, and never failing as a whole."""

import asyncio
from collections.abc import Sequence

from prediction_service.batching.problems import CallerLeft, ModelFailed, ModelUnavailable
from prediction_service.batching.reading import RequestTooCostly
from prediction_service.models.catalogue import ModelNotFound, ModelNotReady
from prediction_service.models.model import Model
from prediction_service.predict import Predicted, Predictor
from prediction_service.records.failover import NotRecordable
from prediction_service.records.journal import JournalFull
from prediction_service.request.caller import Caller
from prediction_service.streams.places import Streams
from prediction_service.streams.row import Row, StreamFault
from shared.asyncio.clock import Clock
from shared.http.problems import Overloaded, Problem

PATIENCE_SECONDS = 300.0
"""How long a group is tried again while there is no room for it; then the stream ends. A stream has time, but what
lasts longer is no rush of requests."""

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.1, 5.0
"""Between two attempts; doubled each time."""

PASSING = (Overloaded, ModelUnavailable, ModelNotReady, JournalFull)
"""What is waited out."""

TOO_LARGE_TOGETHER = (RequestTooCostly, NotRecordable)
"""What may be the fault of one row: the halves of the group are tried alone."""

Result = Predicted | Problem


class Groups:
    """Predicts groups of one stream, with one version of a model from beginning to end."""

    def __init__(self, predictor: Predictor, model: Model, streams: Streams, caller: Caller, clock: Clock) -> None:
        self._predictor, self._streams, self._caller, self._clock = predictor, streams, caller, clock
        self._name, self._version, self._inputs = model.name, model.version, model.manifest.inputs

    async def predict(self, rows: Sequence[Row]) -> list[Result]:
        """A prediction on record, or the problem, of each of these rows, none of which has a fault.

        Raises StreamFault when the model is gone, or cannot be had for PATIENCE_SECONDS; CallerLeft.
        """
        if not rows:
            return []
        give_up, pause = self._clock() + PATIENCE_SECONDS, FIRST_PAUSE_SECONDS
        while True:
            try:
                return list(await self._try(rows))
            except CallerLeft:
                raise
            except TOO_LARGE_TOGETHER as problem:
                return [problem] if len(rows) == 1 else await self._halves(rows)
            except Problem as problem:
                if not isinstance(problem, PASSING) or self._clock() > give_up:
                    raise StreamFault(problem.detail or problem.title) from problem
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    async def _halves(self, rows: Sequence[Row]) -> list[Result]:
        half = len(rows) // 2
        return [*await self.predict(rows[:half]), *await self.predict(rows[half:])]

    async def _try(self, rows: Sequence[Row]) -> Sequence[Predicted | ModelFailed]:
        """The model is looked up each time: meanwhile it may have been loaded anew."""
        instances = [row.instance for row in rows]
        async with self._streams.turn(self._model()):
            model = self._model()
            results = await self._predictor.compute(model, instances, self._caller)
        return await self._predictor.record_each(model, instances, results)

    def _model(self) -> Model:
        """The model as it is loaded now. Raises StreamFault when it is not, or takes something else."""
        try:
            model = self._predictor.choose(self._name, self._version)
        except ModelNotFound:
            raise StreamFault(f"{self._name} {self._version} is not served any more.") from None
        if model.manifest.inputs != self._inputs:
            raise StreamFault(f"{self._name} {self._version} takes other inputs than when the stream began.")
        return model
