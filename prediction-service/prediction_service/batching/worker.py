"""What a thread does for a model: it takes batch after batch of what waits, and computes them."""

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

Judged = tuple[Text, Outcome | ModelFailed]


class Worker:
    """The work on one model's queue, the same for all of its threads."""

    def __init__(
        self, name: str, runtime: SlicedRuntime, waiting: WaitingJobs, calls: Calls, measures: Measures, max_rows: int
    ) -> None:
        self._name, self._runtime, self._max_rows = name, runtime, max_rows
        self._waiting, self._calls, self._measures = waiting, calls, measures
        self._lock = threading.Lock()  # whoever notes scores of a text: its windows may be in several threads
        self.given_up = False
        """Whether the model was given up: what its calls still bring is dropped."""

    def work(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: batch after batch, until nothing waits.

        The thread takes them itself: if the event loop handed them out, a processor would stand idle until the busy
        loop gets to it, after every single batch.
        """
        while batch := self._waiting.take(self._max_rows, self._runtime.max_call_cost, perf_counter()):
            self._compute(batch, loop)

    def _compute(self, batch: list[Row], loop: asyncio.AbstractEventLoop) -> None:
        """One call of the model. What fails in company is tried alone: one text must not spoil the others."""
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
        complete = self._noted(batch, scores, seconds, called)
        loop.call_soon_threadsafe(self._deliver, batch, self._judged(complete, loop), seconds, called)

    def _call(self, batch: Sequence[Row], called: float) -> Sequence[Any]:
        """Something for each row. Raises what the model raises, or ValueError."""
        with self._calls.running(batch, called):
            scores = self._runtime.scores([row.piece for row in batch])
        if len(scores) != len(batch):
            raise ValueError(f"{len(batch)} rows, {len(scores)} results")
        return scores

    def _noted(self, batch: Sequence[Row], scores: Sequence[Any], seconds: float, called: float) -> list[Text]:
        """Puts scores to their texts; those that are complete now."""
        with self._lock:
            for row in batch:
                if row.text.called is None:
                    row.text.called = called
            return [
                row.text
                for row, own in zip(batch, scores, strict=True)
                if row.text.note(row.place, own, seconds, len(batch))
            ]

    def _judged(self, texts: Sequence[Text], loop: asyncio.AbstractEventLoop) -> list[Judged]:
        """What the model says about texts that are complete. One that makes no sense in company is tried alone."""
        if not texts:
            return []
        judged: list[Judged] = []
        try:
            verdicts = checked(self._runtime.verdicts([(text.scores, text.pieces) for text in texts]), len(texts))
        except Exception as error:  # noqa: BLE001 -- a model may say anything
            return [(text, model_failed(self._name, error)) for text in texts]
        for text, verdict in zip(texts, verdicts, strict=True):
            if not isinstance(verdict, NotProbabilities):
                judged.append((text, text.outcome(verdict)))
            elif text.rows == 1:
                judged.append((text, model_failed(self._name, verdict)))
            else:
                alone = Text(text.job, text.index, text.pieces)
                for place, piece in enumerate(alone.pieces):
                    self._compute([Row(alone, place, piece.cost)], loop)
        return judged

    def _deliver(self, batch: Sequence[Row], judged: Sequence[Judged], seconds: float, called: float) -> None:
        """Back on the event loop: each text's outcome to its request, before anything is counted."""
        for text, outcome in judged:
            text.job.put(text.index, outcome)
        for row in batch:
            if row.place == 0:
                self._measures.text_waited(called - row.text.job.arrived)
        self._waiting.learn(sum(row.cost for row in batch), seconds)
        self._measures.model_called(len(batch), seconds)
