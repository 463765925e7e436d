"""Micro-batches off the event loop: what waits while the model runs is its next run.

An idle model starts at once, so batching adds no waiting of its own. Runs that the runtime calls quick stay in the
event loop: there a hop to a thread and back costs more than it saves.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from time import perf_counter
from typing import Self

from prometheus_client import Gauge, Histogram

from prediction_service.model_repository import Model
from prediction_service.runtimes.base import Classification
from shared.runtime.problems import Overloaded

BATCH_ROWS = Histogram("prediction_batch_rows", "Texts per run", ["model"], buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256))
WAITING = Gauge("prediction_waiting_texts", "Texts that wait for a run", ["model"])
RUN_SECONDS = Histogram(
    "prediction_run_seconds",
    "Time of one run of the model",
    ["model"],
    buckets=(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


@dataclass(frozen=True, slots=True)
class Answer:
    """One text's classification and the time of the run it came from."""

    classification: Classification
    inference_time_ms: float


@dataclass(frozen=True, slots=True)
class Job:
    """The texts of one request and who waits for them."""

    texts: Sequence[str]
    done: asyncio.Future[list[Answer]]


class Batcher:
    """Runs one model. `async with` keeps its worker."""

    def __init__(self, model: Model, max_waiting_texts: int) -> None:
        self._model, self._max_waiting_texts = model, max_waiting_texts
        self._waiting: deque[Job] = deque()
        self._waiting_texts = 0
        self._arrived = asyncio.Event()
        self._running = False
        self._worker: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"model-{model.name}")

    async def __aenter__(self) -> Self:
        self._worker = asyncio.create_task(self._work(), name=f"batcher-{self._model.name}")
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._worker is not None:
            self._worker.cancel()
            with suppress(asyncio.CancelledError):
                await self._worker
        self._thread.shutdown(wait=False)

    async def run(self, texts: Sequence[str]) -> list[Answer]:
        """Classifies the texts, perhaps together with others'. Raises Overloaded when too many wait already."""
        if not self._running and not self._waiting and self._model.runtime.is_quick(texts):
            return self._timed_run(texts)
        if self._waiting_texts + len(texts) > self._max_waiting_texts:
            raise Overloaded(f"{self._model.name} has all the texts it can take at the moment.")
        job = Job(texts, asyncio.get_running_loop().create_future())
        self._waiting.append(job)
        self._count_waiting(len(texts))
        self._arrived.set()
        return await job.done

    async def _work(self) -> None:
        while True:
            await self._arrived.wait()
            jobs = self._next_jobs()
            if jobs:
                await self._run_jobs(jobs)

    def _next_jobs(self) -> list[Job]:
        """Whole requests up to the model's favourite number of rows; those whose caller has left are dropped."""
        jobs: list[Job] = []
        rows = 0
        while self._waiting and (
            not jobs or rows + len(self._waiting[0].texts) <= self._model.manifest.batching.max_rows
        ):
            job = self._waiting.popleft()
            self._count_waiting(-len(job.texts))
            if not job.done.done():
                jobs.append(job)
                rows += len(job.texts)
        if not self._waiting:
            self._arrived.clear()
        return jobs

    async def _run_jobs(self, jobs: list[Job]) -> None:
        texts = [text for job in jobs for text in job.texts]
        self._running = True
        try:
            answers = await asyncio.get_running_loop().run_in_executor(self._thread, self._timed_run, texts)
        except Exception as error:  # a model's error belongs to those who asked, not to the worker
            for job in jobs:
                if not job.done.done():
                    job.done.set_exception(error)
            return
        finally:
            self._running = False
        first = 0
        for job in jobs:
            if not job.done.done():
                job.done.set_result(answers[first : first + len(job.texts)])
            first += len(job.texts)

    def _timed_run(self, texts: Sequence[str]) -> list[Answer]:
        started = perf_counter()
        classifications = self._model.runtime.run(texts)
        seconds = perf_counter() - started
        BATCH_ROWS.labels(self._model.name).observe(len(texts))
        RUN_SECONDS.labels(self._model.name).observe(seconds)
        return [Answer(classification, seconds * 1000) for classification in classifications]

    def _count_waiting(self, change: int) -> None:
        self._waiting_texts += change
        WAITING.labels(self._model.name).set(self._waiting_texts)
