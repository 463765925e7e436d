"""The queue of one model: its limits, and the Retry-After of requests that are refused. Thread-safe."""

import math
import threading

from prometheus_client import Counter, Gauge

from prediction_service.batching.job import Job, Row
from prediction_service.batching.labels import MODEL, labels_of
from prediction_service.batching.turns import Request, Turns
from shared.http.problems import Overloaded

SMALL_SHARE = 64
"""A request of at most 1/SMALL_SHARE of the queue's length is small. Small requests have as much space again to
themselves, so that large ones cannot keep them out."""

QUEUED_ROWS = Gauge("prediction_queue_rows", "Texts that wait for a model", MODEL)
NOT_COMPUTED = Counter("prediction_not_computed", "Texts whose caller left or whose time ran out", MODEL)


class WaitingJobs:
    """The jobs that wait. The event loop adds and removes them, threads take their rows; all of this under the lock."""

    def __init__(self, name: str, *, max_texts: int, workers: int, timeout_seconds: float) -> None:
        self._max_texts, self._workers, self._timeout_seconds = max_texts, workers, timeout_seconds
        self._lock = threading.Lock()
        self._turns = Turns[Row]()
        self._texts = {True: 0, False: 0}  # is small → number of texts
        self._jobs: dict[Request[Row], Job] = {}
        self._seconds_per_cost = 0.0
        labels = labels_of(name)
        self._gauge, self._not_computed = QUEUED_ROWS.labels(*labels), NOT_COMPUTED.labels(*labels)

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return self._turns.pieces

    def add(self, job: Job) -> None:
        """Adds a job. Raises Overloaded when the queue is full, or when it would not be computed in time.

        For a small job only other small ones count, and for the time only jobs that come before it.
        """
        texts, is_small = len(job.outcomes), self._is_small(job)
        with self._lock:
            if texts + self._texts[True] + (0 if is_small else self._texts[False]) > self._max_texts:
                raise Overloaded("Too many texts wait for this model.", retry_after_seconds=self.clear_in_seconds())
            late = self._seconds_for(self._turns.before(job.waiting.cost)) - self._timeout_seconds
            if late > 0 and len(self._turns):
                raise Overloaded(
                    "The model would not get to this in time.", retry_after_seconds=max(1, math.ceil(late))
                )
            self._turns.add(job.waiting)
            self._jobs[job.waiting] = job
            self._count(texts, is_small=is_small)

    def take(self, most_rows: int, most_cost: int, now: float) -> list[Row]:
        """The rows of the next call. Jobs whose deadline has passed are dropped, even if the event loop is late."""
        with self._lock:
            rows, late = self._turns.take(most_rows, most_cost, now)
            for request in late:
                self._drop(self._jobs[request], computed=False)
            for row in rows:
                if row.is_last:
                    self._count(-1, is_small=self._is_small(row.pending.job))
                    if not row.pending.job.waiting.pieces:
                        self._jobs.pop(row.pending.job.waiting, None)
        return rows

    def forget(self, job: Job) -> None:
        """Removes a job that nobody waits for any more, which makes space at once."""
        with self._lock:
            if job.waiting in self._turns:
                self._turns.remove(job.waiting)
                self._drop(job, computed=False)

    def clear(self) -> list[Job]:
        """Removes all jobs, and returns them."""
        with self._lock:
            jobs = list(self._jobs.values())
            for job in jobs:
                self._turns.remove(job.waiting)
                self._drop(job, computed=True)
        return jobs

    def learn(self, cost: int, seconds: float) -> None:
        """Updates the average time per cost with a call (exponential, over about 16 calls)."""
        self._seconds_per_cost += (seconds / cost - self._seconds_per_cost) / 16

    def clear_in_seconds(self) -> int:
        """In how many seconds the present queue will be empty, rounded up."""
        return max(1, math.ceil(self._seconds_for(self._turns.cost)))

    def _seconds_for(self, cost: int) -> float:
        """How long the model takes for this cost, at the pace of its last calls."""
        return cost * self._seconds_per_cost / self._workers

    def _is_small(self, job: Job) -> bool:
        return len(job.outcomes) <= self._max_texts // SMALL_SHARE

    def _drop(self, job: Job, *, computed: bool) -> None:
        """Stops counting the instances of a job that was removed from the turns."""
        texts = job.instances_waiting
        self._jobs.pop(job.waiting, None)
        self._count(-texts, is_small=self._is_small(job))
        if not computed:
            self._not_computed.inc(texts)

    def _count(self, texts: int, *, is_small: bool) -> None:
        self._texts[is_small] += texts
        self._gauge.set(sum(self._texts.values()))
