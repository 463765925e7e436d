"""A model behind a cache that says what it is asked, when the test lets it."""

import asyncio
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field

from prediction_service.batching.job import Outcome, Results
from prediction_service.batching.measures import Measures
from prediction_service.batching.problems import ModelFailed
from prediction_service.caching.flights import PATIENT
from prediction_service.caching.outcome_cache import OutcomeCache
from prediction_service.request.caller import Caller

names = (f"cached{number}/1.0.0" for number in itertools.count())


def said(text: str) -> object:
    """What the model says of a text; the type of what it raises for one that begins with `!`."""
    return ModelFailed if text.startswith("!") else f"<{text}>"


@dataclass(eq=False)
class Call:
    """What is being computed."""

    texts: list[str]
    answer: "asyncio.Future[Results]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    cancelled: bool = False

    def land(self, queue_seconds: float = 0.0) -> None:
        """Lets the model say it; its call began so long after the rows came."""
        rows = len(self.texts)
        self.answer.set_result(
            [
                ModelFailed("no") if said(text) is ModelFailed else Outcome(said(text), 0.5, rows, queue_seconds)
                for text in self.texts
            ]
        )


class Echo:
    """The model, and the cache before it."""

    def __init__(self, rows: int = 100, max_bytes: int = 1 << 20) -> None:
        self.calls: list[Call] = []
        self.cache = OutcomeCache(rows, max_bytes, self.compute, Measures(next(names)))

    @property
    def open(self) -> list[Call]:
        """What is being computed for somebody."""
        return [call for call in self.calls if not call.answer.done()]

    async def compute(self, instances: Sequence[str], caller: Caller) -> Results:
        call = Call(list(instances))
        self.calls.append(call)
        try:
            return await call.answer
        except asyncio.CancelledError:
            call.cancelled = True
            raise

    async def ask(self, *texts: str, deadline: float = float(1 << 40), caller: Caller = PATIENT) -> Results | None:
        return await self.cache.run(texts, caller, deadline)

    async def asked(self, *texts: str) -> "asyncio.Task[Results | None]":
        """A request that has begun."""
        task = asyncio.create_task(self.ask(*texts))
        await settled()
        return task

    async def told(self, *texts: str) -> Results:
        """A request whose rows the model computes at once."""
        task = await self.asked(*texts)
        for call in self.open:
            call.land()
        results = await task
        assert results is not None
        return results


async def settled() -> None:
    """Everything that can happen now has happened: no chain of callbacks is as long."""
    for _ in range(20):
        await asyncio.sleep(0)


def outputs(results: Results | None) -> list[object]:
    assert results is not None
    return [result.output if isinstance(result, Outcome) else type(result) for result in results]


def are_cached(results: Results | None) -> list[bool]:
    assert results is not None
    return [isinstance(result, Outcome) and result.is_cached for result in results]
