"""Micro-batches: texts that wait for a model are computed together, in threads, off the event loop.

Nothing waits for company. An idle model computes at once what comes; while it is busy, texts gather, and they are its
next batch. So batches grow with the load and cost nothing without it. Rows are counted, not requests: a batch may hold
many small requests, or a part of a large one, even of a single long text. Whose turn it is, `batching.turns` says.
"""

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine, Sequence
from time import perf_counter, time
from typing import Any

import structlog
from prometheus_client import Histogram

from prediction_service.batching.job import Job, ModelFailed, Outcome, Row, Text
from prediction_service.batching.labels import MODEL, labels_of
from prediction_service.batching.reading import Reader
from prediction_service.batching.threads import DaemonThreads
from prediction_service.batching.waiting import WaitingJobs
from prediction_service.models.counts import Statistics
from prediction_service.models.runtimes.base import ModelError, Runtime, sliced
from prediction_service.models.trials.outputs import NotProbabilities, checked
from shared.http.problems import Overloaded, Problem

BATCH_ROWS = Histogram(
    "prediction_batch_rows",
    "Texts, or windows of long ones, per call of a model",
    MODEL,
    buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256),
)
QUEUE_SECONDS = Histogram(
    "prediction_queue_seconds",
    "From a text's arrival to the model's call",
    MODEL,
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
INFERENCE_SECONDS = Histogram(
    "prediction_inference_seconds",
    "A model's call",
    MODEL,
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
log = structlog.get_logger()

CallerLeaves = Callable[[], Coroutine[Any, Any, None]]
"""Returns when the caller has gone."""


class ModelUnavailable(Problem):
    """The model did not come back from a call, and takes no requests until it was loaded anew."""

    status = 503
    type = "urn:problem-type:model-unavailable"
    title = "Model Unavailable"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"Retry-After": str(UNAVAILABLE_SECONDS)})


UNAVAILABLE_SECONDS = 10
"""When a client may ask a model again that did not come back from a call; see `model_repository`."""

CHECK_SECONDS = 0.5
"""How often calls that run are looked at."""


class CallerLeft(Problem):
    """Nobody waits for the answer any more."""

    status = 499
    type = "urn:problem-type:caller-left"
    title = "Client Closed Request"


class DeadlinePassed(Problem):
    """The model did not get to a text within the time that its caller gave."""

    status = 504
    type = "urn:problem-type:deadline-passed"
    title = "Deadline Passed"


class Batcher:
    """The queue of one model and the threads that work on it."""

    def __init__(
        self,
        name: str,
        runtime: Runtime,
        *,
        max_rows: int,
        workers: int,
        queue_rows: int,
        timeout_seconds: float,
        call_seconds: float,
        max_request_tokens: int = 262_144,
    ) -> None:
        self._name, self._runtime, self._sliced = name, runtime, sliced(runtime)
        self._max_rows, self._workers, self._timeout_seconds = max_rows, workers, timeout_seconds
        self._reader = Reader(name, self._sliced, max_request_tokens)
        self._waiting = WaitingJobs(name, max_texts=queue_rows, workers=workers, timeout_seconds=timeout_seconds)
        self._lock = threading.Lock()  # whoever notes scores of a text: its windows may be in several threads
        self._requests = 0  # that have come and are not answered, whether they are read, wait or are computed
        self._all_answered = asyncio.Event()
        self._all_answered.set()
        self._busy: set[asyncio.Future[None]] = set()
        self._threads = DaemonThreads(workers, name)
        self._call_seconds = call_seconds
        # The threads note what they work on and since when; the event loop looks whether it takes too long.
        self._calls: dict[int, tuple[float, Sequence[Row]]] = {}
        self._watch: asyncio.TimerHandle | None = None
        self._looks: dict[tuple[int, float], int] = {}
        """Thread and beginning of a call → how often it was seen. A process that is paused does not look."""
        self.unavailable = ""
        """Why no request is taken any more; empty while all is well."""
        self.statistics = Statistics()
        labels = labels_of(name)
        self._batch_rows = BATCH_ROWS.labels(*labels)
        self._queue_seconds, self._inference_seconds = QUEUE_SECONDS.labels(*labels), INFERENCE_SECONDS.labels(*labels)

    async def run(
        self, texts: Sequence[str], caller_leaves: CallerLeaves, caller_waits: float | None = None
    ) -> list[Outcome | ModelFailed]:
        """What the model says about each text, or that it could not compute it.

        `caller_waits`: seconds from now on; None: as long as we do. Raises Overloaded, RequestTooCostly,
        DeadlinePassed, CallerLeft or ModelUnavailable.
        """
        started = perf_counter()
        self._requests += 1
        self._all_answered.clear()
        try:
            outcomes = await self._run(texts, caller_leaves, caller_waits)
        except Exception:
            self.statistics.fail.add(perf_counter() - started)
            raise
        finally:
            self._requests -= 1
            if not self._requests:
                self._all_answered.set()
        self._count(outcomes, perf_counter() - started)
        return outcomes

    async def _run(
        self, texts: Sequence[str], caller_leaves: CallerLeaves, caller_waits: float | None
    ) -> list[Outcome | ModelFailed]:
        if self.unavailable:
            raise ModelUnavailable(self.unavailable)
        if self._runtime.is_quick(texts):
            return self._compute_here(texts)
        arrived = perf_counter()
        timeout = self._timeout_seconds if caller_waits is None else min(caller_waits, self._timeout_seconds)
        try:
            pieces = await self._reader.read(texts, timeout)
        except TimeoutError:
            raise self._late(timeout, caller_waits) from None
        except ModelError as error:
            if len(texts) == 1:
                return [self._failed(error)]
            alone = [await self._run([text], caller_leaves, caller_waits) for text in texts]
            return [outcome for (outcome,) in alone]
        job = Job.of(pieces, arrived, timeout)
        self._waiting.add(job)
        self._start_workers()
        if not await self._finished(job, caller_leaves):
            raise self._late(timeout, caller_waits)
        return [outcome for outcome in job.outcomes if outcome is not None]

    def _late(self, timeout: float, caller_waits: float | None) -> Problem:
        """The model did not get to a request within its time: the caller's own, or ours."""
        if timeout == caller_waits:
            return DeadlinePassed(f"The model did not get to this within the {caller_waits:g} s of the caller.")
        seconds = self._waiting.clear_in_seconds()
        return Overloaded("The model did not get to this in time.", retry_after_seconds=seconds)

    def _count(self, results: Sequence[Outcome | ModelFailed], seconds: float) -> None:
        """One more request that was answered, or failed as a whole."""
        outcomes = [outcome for outcome in results if isinstance(outcome, Outcome)]
        if not outcomes:
            self.statistics.fail.add(seconds)
            return
        self.statistics.last_request = time()
        self.statistics.texts += len(outcomes)
        self.statistics.success.add(seconds)
        self.statistics.queue.add(max(outcome.queue_seconds for outcome in outcomes))
        self.statistics.inference.add(max(outcome.inference_seconds for outcome in outcomes))

    async def close(self) -> None:
        """Answers all that have come; nobody may come from now on. A call that does not come back is left behind.

        Those whose texts are still read need the threads too.
        """
        await self._all_answered.wait()
        while self._busy and not self.unavailable:
            await asyncio.wait(self._busy, timeout=CHECK_SECONDS)
        if self._watch is not None:
            self._watch.cancel()
        self._threads.shutdown()
        self._reader.threads.shutdown()

    @property
    def is_stuck(self) -> bool:
        """Whether a call still has not come back; its memory is taken until it does."""
        return bool(self._calls)

    def _compute_here(self, texts: Sequence[str]) -> list[Outcome | ModelFailed]:
        """A hop to a thread and back would cost more than these texts do."""
        try:
            rows, seconds = self._compute(texts)
        except Exception as error:  # a model may raise anything; each text is tried alone
            if len(texts) == 1:
                return [self._failed(error)]
            return [outcome for text in texts for outcome in self._compute_here([text])]
        self._count_call(len(texts), seconds)
        return [
            self._failed(row) if isinstance(row, NotProbabilities) else Outcome(row, seconds, len(texts))
            for row in rows
        ]

    def _start_workers(self) -> None:
        """As many as have a batch to work on."""
        loop = asyncio.get_running_loop()
        batches = math.ceil(self._waiting.rows / self._max_rows)
        for _ in range(min(batches, self._workers - len(self._busy))):
            worker = loop.run_in_executor(self._threads, self._work, loop)
            self._busy.add(worker)
            worker.add_done_callback(self._worker_ended)
        if self._busy and self._watch is None:
            self._watch = loop.call_later(CHECK_SECONDS, self._check_calls)

    def _check_calls(self) -> None:
        """Gives the model up when one of its calls takes too long; looks again later while there are any."""
        self._watch = None
        running = [(thread, began) for thread, (began, _) in list(self._calls.items())]
        self._looks = {call: self._looks.get(call, 0) + 1 for call in running}
        if max(self._looks.values(), default=0) * CHECK_SECONDS > self._call_seconds:
            self._give_up()
        elif self._busy:
            self._watch = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_calls)

    def _give_up(self) -> None:
        """Nobody waits for this model any longer: not those of the call, not those in the queue, nobody who comes."""
        self.unavailable = f"A call of the model took longer than {self._call_seconds:g} s."
        log.error("model unavailable", model=self._name, reason=self.unavailable)
        self._runtime.stop()
        called = (row.text.job for _, rows in list(self._calls.values()) for row in rows)
        for job in [*self._waiting.clear(), *called]:
            job.fail(ModelUnavailable(self.unavailable))

    def _worker_ended(self, worker: asyncio.Future[None]) -> None:
        """It found nothing to do; what has come since then needs another one."""
        self._busy.discard(worker)
        self._start_workers()

    async def _finished(self, job: Job, caller_leaves: CallerLeaves) -> bool:
        """Waits until all texts are computed, the time is up (False) or the caller has gone (CallerLeft).

        What still waits in the queue then is given up.
        """
        leaving = asyncio.ensure_future(caller_leaves())
        leaving.add_done_callback(lambda _: job.fail(CallerLeft()))
        timer = asyncio.get_running_loop().call_later(job.deadline - perf_counter(), job.give_up)
        try:
            return await job.done
        finally:
            timer.cancel()
            leaving.cancel()
            if job.missing:
                self._waiting.forget(job)

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        """In a thread: batch after batch, until nobody waits.

        The thread takes them itself: if the event loop handed them out, a processor would stand idle until the busy
        loop gets to it, after every single batch.
        """
        while batch := self._waiting.take(self._max_rows, self._sliced.max_call_cost, perf_counter()):
            self._run_batch(batch, loop)

    def _run_batch(self, batch: list[Row], loop: asyncio.AbstractEventLoop) -> None:
        """One call of the model. What fails in company is tried alone: one text must not spoil the others."""
        called = perf_counter()
        try:
            scores = self._call(batch, called)
        except Exception as error:  # a model may raise anything
            if self.unavailable:
                return
            if len(batch) > 1:
                for row in batch:
                    self._run_batch([row], loop)
                return
            (row,) = batch
            loop.call_soon_threadsafe(row.text.job.put, row.text.index, self._failed(error))
            return
        seconds = perf_counter() - called
        complete = self._noted(batch, scores, seconds, called)
        loop.call_soon_threadsafe(self._deliver, batch, self._judged(complete, loop), seconds, called)

    def _call(self, batch: Sequence[Row], called: float) -> Sequence[Any]:
        """Notes that this thread is in a call for as long as it is. Raises what the model raises, or ValueError."""
        self._calls[threading.get_ident()] = (called, batch)
        try:
            scores = self._sliced.scores([row.piece for row in batch])
        finally:
            del self._calls[threading.get_ident()]
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

    def _judged(
        self, texts: Sequence[Text], loop: asyncio.AbstractEventLoop
    ) -> list[tuple[Text, Outcome | ModelFailed]]:
        """What the model says about texts that are complete. One that makes no sense in company is tried alone."""
        if not texts:
            return []
        judged: list[tuple[Text, Outcome | ModelFailed]] = []
        try:
            verdicts = checked(self._sliced.verdicts([(text.scores, text.pieces) for text in texts]), len(texts))
        except Exception as error:  # a model may say anything
            return [(text, self._failed(error)) for text in texts]
        for text, verdict in zip(texts, verdicts, strict=True):
            if not isinstance(verdict, NotProbabilities):
                judged.append((text, text.outcome(verdict)))
            elif text.rows == 1:
                judged.append((text, self._failed(verdict)))
            else:
                alone = Text(text.job, text.index, text.pieces)
                for place, piece in enumerate(alone.pieces):
                    self._run_batch([Row(alone, place, piece.cost)], loop)
        return judged

    def _deliver(
        self,
        batch: Sequence[Row],
        judged: Sequence[tuple[Text, Outcome | ModelFailed]],
        seconds: float,
        called: float,
    ) -> None:
        """Back on the event loop: each text's outcome to its request, before anything is counted."""
        for text, outcome in judged:
            text.job.put(text.index, outcome)
        for row in batch:
            if row.place == 0:
                self._queue_seconds.observe(called - row.text.job.arrived)
        self._waiting.learn(sum(row.cost for row in batch), seconds)
        self._count_call(len(batch), seconds)

    def _count_call(self, rows: int, seconds: float) -> None:
        """One more call of the model."""
        self.statistics.batches[rows].add(seconds)
        self._batch_rows.observe(rows)
        self._inference_seconds.observe(seconds)

    def _compute(self, texts: Sequence[str]) -> tuple[Sequence[Sequence[float] | NotProbabilities], float]:
        """Calls the model; its rows, checked, and how long it took, in seconds. Raises what the model raises."""
        started = perf_counter()
        probabilities = self._runtime.probabilities(texts)
        seconds = perf_counter() - started
        return checked(probabilities, len(texts)), seconds

    def _failed(self, error: Exception) -> ModelFailed:
        """Logged with everything, told without details. Numbers that make no sense need no traceback."""
        if isinstance(error, NotProbabilities):
            log.error("model failed", model=self._name, reason=str(error))
        else:
            log.error("model failed", model=self._name, exc_info=error)
        return ModelFailed("The model could not compute this text.")
