"""Micro-batches: instances that wait for a model are computed together, in threads, off the event loop.

No instance is delayed in order to fill a batch. An idle model computes at once; while it is busy, instances queue up
and form its next batch. So batches grow with the load. They are counted in rows, not in requests: a batch may contain
many small requests, or a part of a large one, even of a single long text. `batching.turns` decides what comes next.
"""

import asyncio
from collections.abc import Sequence
from time import perf_counter

from prediction_service.batching.counts import Statistics
from prediction_service.batching.ending import ended
from prediction_service.batching.job import Job, Outcome, Results
from prediction_service.batching.measures import Measures
from prediction_service.batching.problems import DeadlinePassed, ModelUnavailable, TookTooLong, model_failed
from prediction_service.batching.reading import Reader
from prediction_service.batching.runtime import ModelError, Runtime, sliced
from prediction_service.batching.waiting import WaitingJobs
from prediction_service.batching.worker_pool import WorkerPool
from prediction_service.caching.outcome_cache import OutcomeCache
from prediction_service.request.caller import Caller
from prediction_service.signature.signature import Instance
from prediction_service.tasks.task import BadOutput, Output, Task
from shared.http.problems import Problem


class Batcher:
    """Takes requests for one model: reads their texts into pieces, queues those, and waits for the results."""

    def __init__(
        self,
        name: str,
        runtime: Runtime,
        task: Task,
        *,
        max_rows: int,
        workers: int,
        queue_rows: int,
        timeout_seconds: float,
        call_seconds: float,
        max_request_tokens: int = 262_144,
        cache_rows: int = 0,
        cache_bytes: int = 0,
    ) -> None:
        self.runtime, self._task = runtime, task
        self._name, self._timeout_seconds = name, timeout_seconds
        in_pieces, self._measures = sliced(runtime), Measures(name)
        self._reader = Reader(name, in_pieces, max_request_tokens)
        self._waiting = WaitingJobs(name, max_texts=queue_rows, workers=workers, timeout_seconds=timeout_seconds)
        self._pool = WorkerPool(
            name,
            runtime,
            in_pieces,
            task,
            self._waiting,
            self._measures,
            workers=workers,
            max_rows=max_rows,
            call_seconds=call_seconds,
        )
        self._cache = OutcomeCache(cache_rows, cache_bytes, self._run, self._measures) if cache_rows else None
        self._requests = 0  # in progress: being read, waiting, or being computed
        self._all_done = asyncio.Event()
        self._all_done.set()

    @property
    def statistics(self) -> Statistics:
        """Counts since the model was loaded."""
        return self._measures.statistics

    def traced(self, outcome: Outcome, trace_id: str) -> None:
        """Says which trace shows an outcome of this batcher."""
        self._measures.traced(outcome, trace_id)

    @property
    def unavailable(self) -> str:
        """Why requests are refused; empty while they are not."""
        return self._pool.unavailable or getattr(self.runtime, "unavailable", "")

    @property
    def note(self) -> str:
        """What operators should know about the runtime of a model that is served; empty if nothing."""
        return getattr(self.runtime, "note", "")

    @property
    def is_stuck(self) -> bool:
        """Whether a call still runs; it keeps its memory until it returns."""
        return self._pool.is_stuck

    async def run(self, instances: Sequence[Instance], caller: Caller, *, use_cache: bool = True) -> Results:
        """The result for each instance. `use_cache`: whether the model's cache, if it has one, may have it.

        Raises Overloaded, RequestTooCostly, DeadlinePassed, CallerLeft or ModelUnavailable.
        """
        started = perf_counter()
        self._requests += 1
        self._all_done.clear()
        try:
            if self._cache is None or not use_cache:
                results = await self._run(instances, caller)
            else:
                results = await self._look_up(self._cache, instances, caller)
        except Exception:
            self._measures.request_failed(perf_counter() - started)
            raise
        finally:
            self._requests -= 1
            if not self._requests:
                self._all_done.set()
        self._measures.request_computed(results, perf_counter() - started)
        return results

    async def _look_up(self, cache: OutcomeCache, instances: Sequence[Instance], caller: Caller) -> Results:
        """As `_run`, of what the cache does not have; a model that takes no requests takes none from there."""
        if self.unavailable:
            raise ModelUnavailable(self.unavailable)
        timeout = self._timeout_for(caller)
        results = await cache.run(instances, caller, perf_counter() + timeout)
        if results is None:
            raise self._late(timeout, caller)
        return results

    async def _run(self, instances: Sequence[Instance], caller: Caller) -> Results:
        if self.unavailable:
            raise ModelUnavailable(self.unavailable)
        if self.runtime.is_quick(instances):
            return self._compute_here(instances)
        arrived, timeout = perf_counter(), self._timeout_for(caller)
        try:
            pieces = await self._reader.read(instances, timeout)
        except TimeoutError:
            raise self._late(timeout, caller) from None
        except ModelError as error:
            if len(instances) == 1:
                return [model_failed(self._name, error)]
            alone = [await self._run([instance], caller) for instance in instances]
            return [result for (result,) in alone]
        job = Job.of(pieces, arrived, timeout)
        self._waiting.add(job)
        self._pool.start()
        if not await self._finished(job, caller):
            raise self._late(timeout, caller)
        return [result for result in job.outcomes if result is not None]

    def _timeout_for(self, caller: Caller) -> float:
        """How many seconds a request may take: what the service gives it, or its caller, if that is less."""
        given = caller.timeout_seconds
        return self._timeout_seconds if given is None else min(given, self._timeout_seconds)

    def _late(self, timeout: float, caller: Caller) -> Problem:
        """The problem of a request that was too late: 504 for the caller's own timeout, 503 for the service's."""
        if timeout == caller.timeout_seconds:
            return DeadlinePassed(f"The model did not get to this within the {timeout:g} s of the caller.")
        seconds = self._waiting.clear_in_seconds()
        return TookTooLong("The model did not get to this in time.", retry_after_seconds=seconds)

    async def _finished(self, job: Job, caller: Caller) -> bool:
        """Waits until all instances are computed (True) or the time is up (False). Raises CallerLeft.

        Pieces that still wait then are removed from the queue.
        """
        try:
            return await ended(job.done, job.deadline, caller)
        finally:
            if job.missing:
                self._waiting.forget(job)

    def _compute_here(self, instances: Sequence[Instance]) -> Results:
        """Computes on the event loop, for what takes less time than switching to a thread and back."""
        try:
            outputs, seconds = self._compute(instances)
        except Exception as error:  # noqa: BLE001 -- a model may raise anything; each instance is tried alone
            if len(instances) == 1:
                return [model_failed(self._name, error)]
            return [result for instance in instances for result in self._compute_here([instance])]
        self._measures.model_called(len(instances), seconds)
        return [
            model_failed(self._name, output)
            if isinstance(output, BadOutput)
            else Outcome(output, seconds, len(instances))
            for output in outputs
        ]

    def _compute(self, instances: Sequence[Instance]) -> tuple[Sequence[Output | BadOutput], float]:
        """Calls the model: its outputs, checked, and the seconds that it took. Raises whatever the model raises."""
        started = perf_counter()
        outputs = self.runtime.compute(instances)
        seconds = perf_counter() - started
        return self._task.checked(outputs, len(instances)), seconds

    async def close(self) -> None:
        """Waits until every request has its result, then ends the threads; no request may come afterwards.

        A call that never returns is not waited for.
        """
        await self._all_done.wait()
        if self._cache is not None:
            self._cache.close()
        await self._pool.close()
        self._reader.threads.shutdown()
        self.runtime.stop()
