"""The worker processes of one model: each call goes to one that is idle; those that end are started again."""

import queue
import signal
import threading
from collections.abc import Sequence
from time import perf_counter

from prediction_service.batching.runtime import ModelError
from prediction_service.models.runtimes.python.attendant import Attendant, Ended
from prediction_service.models.runtimes.python.launch import Launch, ProcessBounds
from prediction_service.models.runtimes.python.model_worker import frames
from prediction_service.models.runtimes.python.model_worker.guardian import SIGNALLED
from prediction_service.models.runtimes.python.worker_process import (
    CallTooLongError,
    WorkerEndedError,
    WorkerProcess,
    reason_of,
)

MOST_FAILURES = 5
"""So many workers that end in a row, without a call that came back: then requests are refused until one is ready."""

LOOK_SECONDS = 0.5
"""Who waits for a worker looks this often whether there may still be one."""

MARGIN_SECONDS = 0.25
"""So much sooner than the service would give up the model, a call is killed."""

OUT_OF_PROCESSOR_TIME = reason_of(SIGNALLED + signal.SIGXCPU)


class ProcessorTimeError(ModelError):
    """A worker used the processor for longer than a trial may."""


class Workers:
    """`count` processes. Any thread may ask, as many at a time as there are processes."""

    def __init__(self, name: str, launch: Launch, count: int, bounds: ProcessBounds) -> None:
        self._name, self._launch, self._count, self._bounds = name, launch, count, bounds
        self._idle: queue.LifoQueue[WorkerProcess | None] = queue.LifoQueue()
        self._attendants: list[Attendant] = []
        self._lock = threading.Lock()  # of the three that follow
        self._ready = 0
        self._failures = 0
        self._ends = 0
        self._last_end = ""
        self._first = threading.Event()
        """Set once the first worker is ready, or has ended."""
        self.is_stopped = False

    def start(self) -> None:
        """Returns once a worker is ready. Raises ModelError with what is wrong when the first one never is."""
        self._attend()
        self._first.wait()
        with self._lock:
            fault = None if self._ready else self._last_end
        if fault is not None:
            self.stop()
            raise (ProcessorTimeError if fault == OUT_OF_PROCESSOR_TIME else ModelError)(told(fault))
        for _ in range(self._count - 1):
            self._attend()

    def ask(self, pieces: Sequence[bytes | memoryview]) -> frames.Frame:
        """What a worker answers. Raises WorkerEndedError, CallTooLongError; ModelError when there is no worker."""
        deadline = perf_counter() + self._bounds.call_seconds - MARGIN_SECONDS
        worker = self._take(deadline)
        try:
            frame = worker.call(pieces, deadline)
        except CallTooLongError:
            why = f"a call took longer than {self._bounds.call_seconds:g} s"
            worker.end(why)
            raise CallTooLongError(f"{why}; its process was killed") from None
        except WorkerEndedError as error:
            if str(error):
                worker.end(str(error))
            why = worker.why_it_ended()
            if why == OUT_OF_PROCESSOR_TIME:
                raise ProcessorTimeError(why) from None
            raise WorkerEndedError(f"its process ended: {why}") from None
        self._failures = 0
        self._idle.put(worker)
        return frame

    def _take(self, deadline: float) -> WorkerProcess:
        """An idle worker, the one that was asked last: what it needs is in the processor's caches."""
        while True:
            try:
                worker = self._idle.get(timeout=min(max(deadline - perf_counter(), 0.0), LOOK_SECONDS))
            except queue.Empty:
                if perf_counter() < deadline and not self.unavailable:
                    continue
                raise ModelError(f"no worker process is ready; the last one ended because {self._last_end}") from None
            if worker is None:
                self._idle.put(None)  # for whoever comes next
                raise ModelError("the model is not served any more")
            if not worker.has_ended():
                return worker

    def stop(self) -> None:
        """Ends all of them. Those that are asked fail, and all who come."""
        self.is_stopped = True
        for attendant in self._attendants:
            attendant.stop()
        self._idle.put(None)

    def join(self) -> None:
        """Waits until nothing is left of them."""
        for attendant in self._attendants:
            attendant.join()

    @property
    def unavailable(self) -> str:
        """Why nothing can be asked just now; empty while something can."""
        with self._lock:
            if self._ready or self._failures < MOST_FAILURES:
                return ""
            return f"Its worker processes end again and again: {self._last_end}."

    @property
    def note(self) -> str:
        """What operators should know of the past; empty: nothing."""
        with self._lock:
            times = "once" if self._ends == 1 else f"{self._ends} times"
            return f"a worker process ended {times}, the last time because {self._last_end}" if self._ends else ""

    def _attend(self) -> None:
        self._attendants.append(
            Attendant(
                self._name, self._launch, self._bounds.load_seconds, self._is_ready, self._ended, lambda: self._failures
            )
        )

    def _is_ready(self, worker: WorkerProcess) -> None:
        with self._lock:
            self._ready += 1
        self._idle.put(worker)
        self._first.set()

    def _ended(self, ended: Ended) -> None:
        if self.is_stopped:
            return
        with self._lock:
            self._ready -= ended.was_ready
            self._failures += 1
            self._ends += 1
            self._last_end = ended.why
        self._first.set()


def told(fault: str) -> str:
    """Why a model does not load, for its author."""
    return f"does not load: {fault}"
