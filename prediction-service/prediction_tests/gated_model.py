"""A model that computes when the test lets it, behind a real batcher."""

import asyncio
import threading
from collections.abc import Sequence

from prediction_service.batching.batcher import Batcher
from prediction_service.request.caller import Caller
from prediction_service.tasks.classification import Classification

NAME = "gated/1.0.0"
LABELS = dict(zip(("model_name", "model_version"), NAME.split("/"), strict=True))


class GatedRuntime:
    """A model that computes when the test lets it, and remembers its calls."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.threads: set[int] = set()
        self.started = threading.Semaphore(0)
        self.gate = threading.Event()
        self.stopped = False

    def compute(self, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        self.calls.append(list(texts))
        self.threads.add(threading.get_ident())
        self.started.release()
        if not self.gate.wait(10):
            raise TimeoutError("the test never opened the gate")
        if "break" in texts:
            raise ValueError("cannot compute this")
        return [[float("nan")] if text == "nan" else [1.0] for text in texts]

    def is_quick(self, texts: Sequence[str]) -> bool:
        return texts[0] == "quick"

    def stop(self) -> None:
        self.stopped = True


async def never() -> None:
    """A caller who does not leave."""
    await asyncio.Event().wait()


STAYS = Caller(never)


def batcher_of(runtime: GatedRuntime, **bounds: float) -> Batcher:
    chosen = {"max_rows": 4, "workers": 1, "queue_rows": 8, "timeout_seconds": 10.0, "call_seconds": 10.0} | bounds
    return Batcher(NAME, runtime, Classification([]), **chosen)


async def busy(batcher: Batcher, runtime: GatedRuntime) -> asyncio.Task:
    """One text is being computed, and will be until the gate opens."""
    task = asyncio.create_task(batcher.run(["first"], STAYS))
    await asyncio.to_thread(runtime.started.acquire)
    return task


async def queued(batcher: Batcher, *texts: str, caller: Caller = STAYS) -> asyncio.Task:
    """A request that waits."""
    task = asyncio.create_task(batcher.run(list(texts), caller))
    await asyncio.sleep(0)
    return task
