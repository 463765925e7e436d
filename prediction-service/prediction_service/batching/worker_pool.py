"""As many threads as a model has work for, and an end to waiting when one of them does not come back."""

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

log = structlog.get_logger()


class WorkerPool:
    """The threads that compute what waits for one model: at most `workers` of them."""

    def __init__(
        self,
        name: str,
        runtime: Runtime,
        sliced: SlicedRuntime,
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
        self._worker = Worker(name, sliced, waiting, self._calls, measures, max_rows)
        self._threads = DaemonThreads(workers, name)
        self._busy: set[asyncio.Future[None]] = set()
        self._watch: asyncio.TimerHandle | None = None
        self.unavailable = ""
        """Why nothing is computed any more; empty while all is well."""

    def start(self) -> None:
        """As many threads as have a batch to work on."""
        loop = asyncio.get_running_loop()
        batches = math.ceil(self._waiting.rows / self._max_rows)
        for _ in range(min(batches, self._workers - len(self._busy))):
            work = loop.run_in_executor(self._threads, self._worker.work, loop)
            self._busy.add(work)
            work.add_done_callback(self._ended)
        if self._busy and self._watch is None:
            self._watch = loop.call_later(CHECK_SECONDS, self._check_calls)

    def _ended(self, work: asyncio.Future[None]) -> None:
        """A thread found nothing to do; what has come since then needs another one."""
        self._busy.discard(work)
        self.start()

    def _check_calls(self) -> None:
        """Gives the model up when one of its calls takes too long; looks again later while there are any."""
        self._watch = None
        if self._calls.look():
            self._give_up()
        elif self._busy:
            self._watch = asyncio.get_running_loop().call_later(CHECK_SECONDS, self._check_calls)

    def _give_up(self) -> None:
        """Fails the requests of the call and of the queue, and all that come from now on."""
        self.unavailable = f"A call of the model took longer than {self._calls.most_seconds:g} s."
        self._worker.given_up = True
        log.error("model unavailable", model=self._name, reason=self.unavailable)
        self._runtime.stop()
        for job in [*self._waiting.clear(), *(row.text.job for row in self._calls.rows())]:
            job.fail(ModelUnavailable(self.unavailable))

    async def close(self) -> None:
        """Waits for calls that come back, and ends the threads."""
        while self._busy and not self.unavailable:
            await asyncio.wait(self._busy, timeout=CHECK_SECONDS)
        if self._watch is not None:
            self._watch.cancel()
        self._threads.shutdown()

    @property
    def is_stuck(self) -> bool:
        """Whether a call still has not come back; its memory is taken until it does."""
        return bool(self._calls)
