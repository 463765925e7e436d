"""One worker after another, each started when the one before has ended, in a thread that lives as long as the model.

(The thread must live: a guardian ends with the thread that started it.)
"""

import os
import selectors
import threading
from collections.abc import Callable
from time import perf_counter
from typing import NamedTuple

import structlog

from prediction_service.models.runtimes.python.launch import Launch
from prediction_service.models.runtimes.python.model_worker import frames
from prediction_service.models.runtimes.python.printed import CHUNK_BYTES, PrintedLines
from prediction_service.models.runtimes.python.worker_process import WorkerEndedError, WorkerProcess

LOOK_SECONDS = 0.5

FORCE_SECONDS = 3.0
"""A worker that was told to end, and does not within this time, is ended by force."""

FIRST_PAUSE_SECONDS, MOST_PAUSE_SECONDS = 0.1, 10.0
"""Before a worker is started again: nothing after the first end, then this, twice as long after each further one
without a call that came back in between."""

FRAME_SECONDS = 5.0
"""For a first frame that has begun to arrive."""

log = structlog.get_logger()


class Ended(NamedTuple):
    """What became of a worker."""

    why: str
    was_ready: bool


class Attendant:
    """`ready` is told of each worker that takes calls, `ended` of each that does not any more.

    `failures` says how many ended in a row.
    """

    def __init__(
        self,
        name: str,
        launch: Launch,
        load_seconds: float,
        ready: Callable[[WorkerProcess], None],
        ended: Callable[[Ended], None],
        failures: Callable[[], int],
    ) -> None:
        self._name, self._launch, self._load_seconds = name, launch, load_seconds
        self._ready, self._ended, self._failures = ready, ended, failures
        self._stopping = threading.Event()
        self._worker: WorkerProcess | None = None
        self._thread = threading.Thread(target=self._attend, name=f"attend {name}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends the worker, and starts no other."""
        self._stopping.set()
        if (worker := self._worker) is not None:
            worker.end("the model is not served any more")

    def join(self) -> None:
        """Waits for the end of everything."""
        self._thread.join(FORCE_SECONDS * 2)

    def _attend(self) -> None:
        while not self._stopping.wait(pause_after(self._failures())):
            try:
                ended = self._one_worker()
            except OSError as error:
                ended = Ended(f"it cannot be started: {error.strerror}", was_ready=False)
            if not self._stopping.is_set():
                log.warning("model worker ended", model=self._name, reason=ended.why)
            self._ended(ended)

    def _one_worker(self) -> Ended:
        """From its start to its end. Raises OSError."""
        if self._launch.has_changed():
            return Ended("its folder is not what it was when the model was loaded", was_ready=False)
        worker = self._worker = WorkerProcess(self._launch)
        if self._stopping.is_set():
            worker.end()
        printed, was_ready = PrintedLines(self._name), False
        try:
            was_ready = self._follow(worker, printed)
        except WorkerEndedError as error:
            if str(error):
                worker.end(str(error))
        finally:
            why = worker.reap()
            self._worker = None
            printed.end()
        return Ended(why, was_ready)

    def _follow(self, worker: WorkerProcess, printed: PrintedLines) -> bool:
        """Reads what it prints until its end; whether it has ever been ready. Raises WorkerEndedError."""
        load_until = perf_counter() + self._load_seconds
        is_ready = False
        with selectors.DefaultSelector() as selector:
            selector.register(worker.output, selectors.EVENT_READ)
            selector.register(worker.socket, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select(LOOK_SECONDS):
                    if key.fileobj is worker.socket:
                        selector.unregister(worker.socket)
                        check_greeting(worker)
                        is_ready = True
                        self._ready(worker)
                    elif not (chunk := os.read(worker.output, CHUNK_BYTES)):
                        return is_ready
                    else:
                        printed.take(chunk)
                if not is_ready and perf_counter() > load_until:
                    worker.end(f"it was not ready within {self._load_seconds:g} s")
                if worker.ended_at is not None and perf_counter() > worker.ended_at + FORCE_SECONDS:
                    worker.end_by_force()
                    return is_ready


def check_greeting(worker: WorkerProcess) -> None:
    """Raises WorkerEndedError, with what is wrong with the model, when its worker does not say that it is ready."""
    try:
        frame = worker.read(perf_counter() + FRAME_SECONDS)
    except OSError:
        raise WorkerEndedError from None
    if frame.kind != frames.READY:
        raise WorkerEndedError(frame.text.decode("utf-8", "replace"))


def pause_after(failures: int) -> float:
    """Seconds before the next start."""
    return 0.0 if failures < 2 else min(FIRST_PAUSE_SECONDS * 2 ** (failures - 2), MOST_PAUSE_SECONDS)
