"""Runs as many threads as a model has work for, and fails all requests when a call does not return."""

import asyncio
import math

import structlog

from prediction_service.batching.calls import CHECK_SECONDS, Calls
from prediction_service.batching.measures import Measures
from prediction_service.batching.problems import ModelUnavailable
from prediction_service.batching.runtime import Runtime, SlicedRuntime
from prediction_service.batching.threads import DaemonThreads
from prediction_service.batching.waiting import WaitingJobs
from prediction_service.batching.worker import Worker
from prediction_service.tasks.task import Task

log = structlog.get_logger()


class WorkerPool:
    """The threads that compute what waits for one model: at most `workers` of them."""

    def __init__(
        self,
        name: str,
        runtime: Runtime,
        sliced: SlicedRuntime,
        task: Task,
        waiting: WaitingJobs,
        measures: Measures,
        *,
        workers: int,
        max_rows: int,
        call_seconds: float,
    ) -> None:
        self._name, self._runtime, self._waiting = name, runtime, waiting
        self._workers, self._max_rows = workers, max_rows
        self._calls = Calls(call_seconds)
        self._worker = Worker(name, sliced, task, waiting, self._calls, measures, max_rows)
        self._threads = DaemonThreads(workers, name)
        self._busy: set[asyncio.Future[None]] = set()
        self._watch: asyncio.TimerHandle | None = None
        self.unavailable = ""
        """Why requests are refused; empty while they are not."""

    def start(self) -> None:
        """Starts threads, one for each batch that waits, within the limit."""
        loop = asyncio.get_running_loop()
        batches = math.ceil(self._waiting.rows / self._max_rows)
        for _ in range(min(batches, self._workers - len(self._busy))):
            work = loop.run_in_executor(self._threads, self._worker.work, loop)
            self._busy.add(work)
            work.add_done_callback(self._ended)
        if self._busy and self._watch is None:
            self._watch = loop.call_later(CHECK_SECONDS, self._check_calls)

    def _ended(self, work: asyncio.Future[None]) -> None:
        """A thread has ended because the queue was empty; if rows have come since then, another one starts."""
        self._busy.discard(work)
        self.start()

    def _check_calls(self) -> None:
        """Gives the model up when one of its calls takes too long; else checks again later, while any thread works."""
        self._watch = None
        if self._calls.check():
            self._give_up()
        elif self._busy:
            self._watch = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_calls)

    def _give_up(self) -> None:
        """Fails the requests in running calls and in the queue; those that come from now on are refused."""
        self.unavailable = f"A call of the model took longer than {self._calls.most_seconds:g} s."
        self._worker.given_up = True
        log.error("model unavailable", model=self._name, reason=self.unavailable)
        self._runtime.stop()
        for job in [*self._waiting.clear(), *(row.pending.job for row in self._calls.rows())]:
            job.fail(ModelUnavailable(self.unavailable))

    async def close(self) -> None:
        """Waits for running calls, unless the model was given up, and ends the threads."""
        while self._busy and not self.unavailable:
            await asyncio.wait(self._busy, timeout=CHECK_SECONDS)
        if self._watch is not None:
            self._watch.cancel()
        self._threads.shutdown()

    @property
    def is_stuck(self) -> bool:
        """Whether a call still runs; it keeps its memory until it returns."""
        return bool(self._calls)
