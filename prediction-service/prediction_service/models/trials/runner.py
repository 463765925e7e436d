"""Tries new models in processes of their own, so that a crash or a hang there affects no request.

A trial is limited in time, processor time and memory, gets no secrets, and is killed with every process that it
started. Most models need a second or three. One that needs longer is stopped and tried again, with the full time, in a
second queue: so a folder that loads for ever delays the others by a few seconds only.
"""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from prediction_service.batching.runtime import ModelError, NotInTimeError
from prediction_service.models.folders.manifest import Manifest
from prediction_service.models.free_memory import free_memory

QUICK_PROCESSOR_SECONDS = 6
"""Processor time of a first, quick attempt. The shipped models need one second to three, as the processor is."""

QUICK_SECONDS = 15.0
"""Elapsed time of a quick attempt, for a model that waits instead of computing."""

QUICK_AT_ONCE, PATIENT_AT_ONCE = 2, 1
"""Attempts of either kind that run at the same time."""

OWN_MEMORY_BYTES = 256 * 1024 * 1024
"""Memory of the process itself and its libraries."""

MEMORY_STEP = OWN_MEMORY_BYTES
"""So that a trial on a machine with little memory is the same one after a restart, with a little more or less free."""

MOST_REPORT_BYTES = 4 * 1024 * 1024
"""Enough for a manifest with the most labels."""

NEVER_READY = "is not ready in time: loading it, or one of its calls, takes too long or never ends (MODEL_LOAD_SECONDS)"

REMEMBERED = 1000

ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
"""The whole environment of a trial: no addresses, no passwords."""


PROCESSOR_SHARE = 0.9
"""Processor time of a patient attempt, of its elapsed time. So one that computes for ever uses it up before the clock
does, unless others have the processor: then the clock is the first, and says nothing of the model."""


class TooSlowError(ModelError):
    """The trial used up its processor time."""


@dataclass(frozen=True, slots=True)
class TrialBounds:
    """Limits of a trial."""

    seconds: float
    memory_bytes: int
    environments: Path = Path("model-environments")
    """Where environments of Python models are."""


class Trials:
    """Tries folders. A digest that passed is not tried again in the life of this process, unless it is forgotten."""

    def __init__(self, bounds: TrialBounds) -> None:
        self.bounds = bounds
        self._quick, self._patient = asyncio.Semaphore(QUICK_AT_ONCE), asyncio.Semaphore(PATIENT_AT_ONCE)
        self._first = asyncio.Semaphore(QUICK_AT_ONCE)

    async def run(
        self,
        folder: Path,
        digest: str,
        takes_long: Callable[[], None],
        *,
        first: bool = False,
        memory_bytes: int | None = None,
    ) -> Manifest:
        """The manifest of the folder's model. Raises ModelError with the fault.

        `takes_long` is called when the quick attempt was not enough. `first`: the quick attempt waits only for others
        that are `first` too. `memory_bytes`: what the trial gets, if that was found out before.
        """
        memory = self.memory_bytes() if memory_bytes is None else memory_bytes
        key = (digest, self.bounds, memory)
        if key not in _passed:
            _passed[key] = await self._run(folder, memory, takes_long, self._first if first else self._quick)
            while len(_passed) > REMEMBERED:
                _passed.popitem(last=False)
        return _passed[key]

    def forget(self, digest: str) -> None:
        """For contents that changed while they were tried: it may have been others that passed."""
        for key in [key for key in _passed if key[0] == digest]:
            del _passed[key]

    def memory_bytes(self) -> int:
        """What a trial would get now: what a model may take, or half of what is free, in coarse steps."""
        free = max(free_memory() // 2 // MEMORY_STEP, 1) * MEMORY_STEP
        return min(self.bounds.memory_bytes + OWN_MEMORY_BYTES, free)

    async def _run(
        self, folder: Path, memory: int, takes_long: Callable[[], None], places: asyncio.Semaphore
    ) -> Manifest:
        try:
            async with places:
                return await self._attempt(
                    folder, memory, min(QUICK_SECONDS, self.bounds.seconds), QUICK_PROCESSOR_SECONDS
                )
        except (TooSlowError, NotInTimeError):
            takes_long()
            async with self._patient:
                seconds = self.bounds.seconds
                return await self._attempt(folder, memory, seconds, max(int(seconds * PROCESSOR_SHARE), 1))

    async def _attempt(self, folder: Path, memory: int, seconds: float, processor_seconds: int) -> Manifest:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-m", "prediction_service.models.trials.process"),
            *(os.path.abspath(folder), str(memory), str(processor_seconds)),  # noqa: ASYNC240, PTH100 - only a name
            os.path.abspath(self.bounds.environments),  # noqa: ASYNC240, PTH100 - as above
            stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=ENVIRONMENT, cwd="/", start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(seconds):
                report = await self._report(process)
                code = await process.wait()
        except TimeoutError:
            raise NotInTimeError(NEVER_READY) from None
        finally:
            kill(process)
            await process.wait()
        if code:
            raise fault_of(code)
        return manifest_of(report)

    async def _report(self, process: Process) -> bytes:
        """The output of the process, up to its end. Raises ModelError when it is too long."""
        report = b""
        while process.stdout is not None and (chunk := await process.stdout.read(65_536)):
            report += chunk
            if len(report) > MOST_REPORT_BYTES:
                raise ModelError("says too much while it is tried")
        return report


_passed: OrderedDict[tuple[str, TrialBounds, int], Manifest] = OrderedDict()
"""Digest, bounds and memory → manifest, of all that passed in the life of this process. Only `Trials` changes it."""


def kill(process: Process) -> None:
    """Kills it and everything that it started, if it still runs."""
    if process.returncode is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def fault_of(code: int) -> ModelError:
    """Why a process ended without a result, from its exit code."""
    if -code == signal.SIGXCPU:
        return TooSlowError(NEVER_READY)
    if -code == signal.SIGKILL:
        return ModelError("was killed while it was tried, as the system does when memory is short")
    if code < 0:
        return ModelError(f"crashes the process in which it is tried ({signal.Signals(-code).name})")
    return ModelError(f"ends the process in which it is tried (exit code {code})")


def manifest_of(report: bytes) -> Manifest:
    """The manifest in a report. Raises ModelError with the fault in it."""
    try:
        found = json.loads(report)
    except ValueError:
        raise ModelError("ends the process in which it is tried") from None
    if "fault" in found:
        raise ModelError(str(found["fault"])[:2000])
    return Manifest.model_validate(found["manifest"])
