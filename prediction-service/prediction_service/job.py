"""One request's texts on their way through a model's queue."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.runtime.problems import Problem


class ModelFailed(Problem):
    """The model could not compute this text."""

    status = 500
    type = "urn:problem-type:model-failed"
    title = "Model Failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a model says about one text."""

    probabilities: Sequence[float]
    inference_seconds: float
    batch_rows: int
    queue_seconds: float = 0.0


@dataclass(slots=True)
class Job:
    """The texts of one request; `arrived` and `deadline` are readings of `time.perf_counter`."""

    texts: Sequence[str]
    arrived: float
    deadline: float
    done: asyncio.Future[bool]
    """True: all outcomes are there. False: the time was up."""
    outcomes: list[Outcome | ModelFailed | None]
    missing: int

    def put(self, index: int, outcome: Outcome | ModelFailed) -> None:
        """Notes one text's outcome, or that it has none; the last one ends the waiting."""
        self.outcomes[index] = outcome
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(True)

    def give_up(self) -> None:
        """Ends the waiting because the time is up."""
        if not self.done.done():
            self.done.set_result(False)

    def fail(self, error: Exception) -> None:
        """Ends the waiting for all texts of the request."""
        if not self.done.done():
            self.done.set_exception(error)


Row = tuple[Job, int]
"""A text: its request, and its place there."""
