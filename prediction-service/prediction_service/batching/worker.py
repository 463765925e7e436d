"""The work of a thread for a model: it takes batch after batch from the queue and computes them."""

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence
from time import perf_counter
from typing import Any

from prediction_service.batching.calls import Calls
from prediction_service.batching.job import Outcome, Pending, Row
from prediction_service.batching.measures import Measures
from prediction_service.batching.problems import ModelFailed, model_failed
from prediction_service.batching.runtime import SlicedRuntime
from prediction_service.batching.waiting import WaitingJobs
from prediction_service.tasks.task import BadOutput, Task

Result = tuple[Pending, Outcome | ModelFailed]


class Worker:
    """The work on one model's queue, shared by all of its threads."""

    def __init__(
        self,
        name: str,
        runtime: SlicedRuntime,
        task: Task,
        waiting: WaitingJobs,
        calls: Calls,
        measures: Measures,
        max_rows: int,
    ) -> None:
        self._name, self._runtime, self._task, self._max_rows = name, runtime, task, max_rows
        self._waiting, self._calls, self._measures = waiting, calls, measures
        self._lock = threading.Lock()  # guards the scores: windows of one text may be in several threads
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
        """One call of the model. If it fails, each row is computed alone, so that one does not fail the others."""
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
            loop.call_soon_threadsafe(row.pending.job.put, row.pending.index, model_failed(self._name, error))
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

    def _store_scores(
        self, batch: Sequence[Row], scores: Sequence[Any], seconds: float, called: float
    ) -> list[Pending]:
        """Stores the scores in their instances. Returns the instances that are complete now."""
        with self._lock:
            for row in batch:
                if row.pending.called is None:
                    row.pending.called = called
            return [
                row.pending
                for row, own in zip(batch, scores, strict=True)
                if row.pending.note(row.place, own, seconds, len(batch))
            ]

    def _results(self, complete: Sequence[Pending], loop: asyncio.AbstractEventLoop) -> list[Result]:
        """The results of complete instances. One with an invalid result in a batch is computed again alone."""
        if not complete:
            return []
        results: list[Result] = []
        try:
            outputs = self._runtime.outputs([(pending.scores, pending.pieces) for pending in complete])
            checked = self._task.checked(outputs, len(complete))
        except Exception as error:  # noqa: BLE001 -- a model may say anything
            return [(pending, model_failed(self._name, error)) for pending in complete]
        for pending, output in zip(complete, checked, strict=True):
            if not isinstance(output, BadOutput):
                results.append((pending, pending.outcome(output)))
            elif pending.rows == 1:
                results.append((pending, model_failed(self._name, output)))
            else:
                alone = Pending(pending.job, pending.index, pending.pieces)
                for place, piece in enumerate(alone.pieces):
                    self._compute([Row(alone, place, piece.cost)], loop)
        return results

    def _deliver(self, batch: Sequence[Row], results: Sequence[Result], seconds: float, called: float) -> None:
        """Runs on the event loop: gives the results to their jobs, and only then counts."""
        for pending, outcome in results:
            pending.job.put(pending.index, outcome)
        for arrived, texts in Counter(row.pending.job.arrived for row in batch if row.place == 0).items():
            self._measures.texts_waited(called - arrived, texts)
        self._waiting.learn(sum(row.cost for row in batch), seconds)
        self._measures.model_called(len(batch), seconds)
