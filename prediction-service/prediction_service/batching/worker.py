"""The work of a thread for a model: it takes batch after batch from the queue and computes them."""

import asyncio
import threading
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from prediction_service.batching.calls import Calls
from prediction_service.batching.job import Outcome, Row, Text
from prediction_service.batching.measures import Measures
from prediction_service.batching.outputs import NotProbabilities, checked
from prediction_service.batching.problems import ModelFailed, model_failed
from prediction_service.batching.runtime import SlicedRuntime
from prediction_service.batching.waiting import WaitingJobs

Result = tuple[Text, Outcome | ModelFailed]


class Worker:
    """The work on one model's queue, shared by all of its threads."""

    def __init__(
        self, name: str, runtime: SlicedRuntime, waiting: WaitingJobs, calls: Calls, measures: Measures, max_rows: int
    ) -> None:
        self._name, self._runtime, self._max_rows = name, runtime, max_rows
        self._waiting, self._calls, self._measures = waiting, calls, measures
        self._lock = threading.Lock()  # guards the scores of texts: windows of one text may be in several threads
        self.given_up = False
        """Whether the model was given up: errors of its calls are then ignored."""

    def work(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs in a thread: batch after batch, until the queue is empty.

        The thread takes batches itself. If the event loop handed them out, a processor would be idle after every batch
        until the busy loop gets to it.
        """
        while batch := self._waiting.take(self._max_rows, self._runtime.max_call_cost, perf_counter()):
            self._compute(batch, loop)

    def _compute(self, batch: list[Row], loop: asyncio.AbstractEventLoop) -> None:
        """One call of the model. If it fails, each row is computed alone, so that one text does not fail the others."""
        called = perf_counter()
        try:
            scores = self._call(batch, called)
        except Exception as error:  # noqa: BLE001 -- a model may raise anything
            if self.given_up:
                return
            if len(batch) > 1:
                for row in batch:
                    self._compute([row], loop)
                return
            (row,) = batch
            loop.call_soon_threadsafe(row.text.job.put, row.text.index, model_failed(self._name, error))
            return
        seconds = perf_counter() - called
        complete = self._store_scores(batch, scores, seconds, called)
        loop.call_soon_threadsafe(self._deliver, batch, self._results(complete, loop), seconds, called)

    def _call(self, batch: Sequence[Row], called: float) -> Sequence[Any]:
        """The scores of each row. Raises whatever the model raises; ValueError for a wrong number of results."""
        with self._calls.running(batch, called):
            scores = self._runtime.scores([row.piece for row in batch])
        if len(scores) != len(batch):
            raise ValueError(f"{len(batch)} rows, {len(scores)} results")
        return scores

    def _store_scores(self, batch: Sequence[Row], scores: Sequence[Any], seconds: float, called: float) -> list[Text]:
        """Stores the scores in their texts. Returns the texts that are complete now."""
        with self._lock:
            for row in batch:
                if row.text.called is None:
                    row.text.called = called
            return [
                row.text
                for row, own in zip(batch, scores, strict=True)
                if row.text.note(row.place, own, seconds, len(batch))
            ]

    def _results(self, texts: Sequence[Text], loop: asyncio.AbstractEventLoop) -> list[Result]:
        """The results of complete texts. One with an invalid result in a batch is computed again alone."""
        if not texts:
            return []
        results: list[Result] = []
        try:
            verdicts = checked(self._runtime.verdicts([(text.scores, text.pieces) for text in texts]), len(texts))
        except Exception as error:  # noqa: BLE001 -- a model may say anything
            return [(text, model_failed(self._name, error)) for text in texts]
        for text, verdict in zip(texts, verdicts, strict=True):
            if not isinstance(verdict, NotProbabilities):
                results.append((text, text.outcome(verdict)))
            elif text.rows == 1:
                results.append((text, model_failed(self._name, verdict)))
            else:
                alone = Text(text.job, text.index, text.pieces)
                for place, piece in enumerate(alone.pieces):
                    self._compute([Row(alone, place, piece.cost)], loop)
        return results

    def _deliver(self, batch: Sequence[Row], results: Sequence[Result], seconds: float, called: float) -> None:
        """Runs on the event loop: gives the results to their jobs, and only then counts."""
        for text, outcome in results:
            text.job.put(text.index, outcome)
        for row in batch:
            if row.place == 0:
                self._measures.text_waited(called - row.text.job.arrived)
        self._waiting.learn(sum(row.cost for row in batch), seconds)
        self._measures.model_called(len(batch), seconds)
