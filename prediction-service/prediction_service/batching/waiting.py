"""What waits for one model: how much of it there may be, and when who is refused may come back. Safe for threads."""

import math
import threading

from prometheus_client import Counter, Gauge

from prediction_service.batching.job import Job, Row
from prediction_service.batching.labels import MODEL, labels_of
from prediction_service.batching.turns import Request, Turns
from shared.http.problems import Overloaded

SMALL_SHARE = 64
"""A request of no more texts than this part of the queue is small. For small ones there is a queue's length of room of
their own, so that large ones cannot keep them out."""

QUEUED_ROWS = Gauge("prediction_queue_rows", "Texts that wait for a model", MODEL)
NOT_COMPUTED = Counter("prediction_not_computed", "Texts whose caller left or whose time ran out", MODEL)


class WaitingJobs:
    """The jobs that wait. The event loop adds and forgets them, threads take their rows; all of them hold the lock."""

    def __init__(self, name: str, *, max_texts: int, workers: int, timeout_seconds: float) -> None:
        self._max_texts, self._workers, self._timeout_seconds = max_texts, workers, timeout_seconds
        self._lock = threading.Lock()
        self._turns = Turns[Row]()
        self._texts = {True: 0, False: 0}  # of small jobs, of others
        self._jobs: dict[Request[Row], Job] = {}
        self._seconds_per_cost = 0.0
        labels = labels_of(name)
        self._gauge, self._not_computed = QUEUED_ROWS.labels(*labels), NOT_COMPUTED.labels(*labels)

    @property
    def rows(self) -> int:
        """How many rows wait."""
        return self._turns.pieces

    def add(self, job: Job) -> None:
        """Begins to wait. Raises Overloaded when there is no room, or when its turn would come too late.

        Only what comes before it counts: a request is not refused because of larger ones.
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
        """What is computed next. Jobs whose deadline has passed are dropped, also if the event loop is late."""
        with self._lock:
            rows, late = self._turns.take(most_rows, most_cost, now)
            for request in late:
                self._drop(self._jobs[request], computed=False)
            for row in rows:
                if row.is_last:
                    self._count(-1, is_small=self._is_small(row.text.job))
                    if not row.text.job.waiting.pieces:
                        self._jobs.pop(row.text.job.waiting, None)
        return rows

    def forget(self, job: Job) -> None:
        """Takes what was given up out of the queue: it makes room at once."""
        with self._lock:
            if job.waiting in self._turns:
                self._turns.remove(job.waiting)
                self._drop(job, computed=False)

    def clear(self) -> list[Job]:
        """Nobody waits any more; those who did."""
        with self._lock:
            jobs = list(self._jobs.values())
            for job in jobs:
                self._turns.remove(job.waiting)
                self._drop(job, computed=True)
        return jobs

    def learn(self, cost: int, seconds: float) -> None:
        """How long a call took."""
        self._seconds_per_cost += (seconds / cost - self._seconds_per_cost) / 16

    def clear_in_seconds(self) -> int:
        """In how many whole seconds the queue, as it stands, will have been worked off."""
        return max(1, math.ceil(self._seconds_for(self._turns.cost)))

    def _seconds_for(self, cost: int) -> float:
        """How long the model takes for so much, at the pace of its last calls."""
        return cost * self._seconds_per_cost / self._workers

    def _is_small(self, job: Job) -> bool:
        return len(job.outcomes) <= self._max_texts // SMALL_SHARE

    def _drop(self, job: Job, *, computed: bool) -> None:
        """Of a job that has left its turn: its texts are not counted any more."""
        texts = job.texts_waiting
        self._jobs.pop(job.waiting, None)
        self._count(-texts, is_small=self._is_small(job))
        if not computed:
            self._not_computed.inc(texts)

    def _count(self, texts: int, *, is_small: bool) -> None:
        self._texts[is_small] += texts
        self._gauge.set(sum(self._texts.values()))
