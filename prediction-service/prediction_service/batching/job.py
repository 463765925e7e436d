"""One request in a model's queue: its instances, and the rows in which they are computed."""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from prediction_service.batching.problems import ModelFailed
from prediction_service.batching.runtime import Piece
from prediction_service.batching.turns import Request
from prediction_service.tasks.task import Output


class Outcome(NamedTuple):
    """The result of a model for one instance. `batch_rows`: the most rows of a call in which it was computed.

    `is_cached`: it was not computed for the request in question, so it has no call and no time of one.
    """

    output: Output
    inference_seconds: float
    batch_rows: int
    queue_seconds: float = 0.0
    is_cached: bool = False


Result = Outcome | ModelFailed
"""An outcome, or the error if the model could not compute the instance."""

Results = list[Result]
"""For each instance of a request."""


@dataclass(slots=True, eq=False)
class Job:
    """The instances of one request; `arrived` and `deadline` are readings of `time.perf_counter`."""

    arrived: float
    deadline: float
    done: asyncio.Future[bool]
    """True: all outcomes are there. False: the time was up."""
    outcomes: list[Result | None]
    missing: int
    waiting: "Request[Row]"
    """Its rows that still wait in the queue."""

    @classmethod
    def of(cls, pieces: Sequence[Sequence[Piece]], arrived: float, timeout: float) -> "Job":
        """The job of instances that have been read."""
        done = asyncio.get_running_loop().create_future()
        count, deadline = len(pieces), arrived + timeout
        job = cls(arrived, deadline, done, [None] * count, count, Request(deque(), deadline))
        instances = [Pending(job, index, own) for index, own in enumerate(pieces)]
        rows = (Row(pending, place, piece.cost) for pending in instances for place, piece in enumerate(pending.pieces))
        job.waiting = Request(deque(rows), deadline)
        return job

    @property
    def instances_waiting(self) -> int:
        """How many of its instances still have rows in the queue."""
        return sum(row.is_last for row in self.waiting.pieces)

    def put(self, index: int, outcome: Result) -> None:
        """Sets the result of one instance; the last one ends the waiting."""
        if self.outcomes[index] is not None:
            return
        self.outcomes[index] = outcome
        self.missing -= 1
        if not self.missing and not self.done.done():
            self.done.set_result(True)

    def fail(self, error: Exception) -> None:
        """Ends the waiting for all instances of the request."""
        if not self.done.done():
            self.done.set_exception(error)


@dataclass(slots=True, eq=False)
class Pending:
    """An instance of a job, its pieces, and their scores so far."""

    job: Job
    index: int
    pieces: Sequence[Piece]
    scores: list[Any] = field(default_factory=list)
    missing: int = 0
    seconds: float = 0.0
    """Total time of the calls with its pieces."""
    rows: int = 0
    """The most rows of one of these calls."""
    called: float | None = None
    """When the first of these calls began (`time.perf_counter`)."""

    def __post_init__(self) -> None:
        self.missing = len(self.pieces)
        self.scores = [None] * self.missing

    def note(self, place: int, scores: Any, seconds: float, rows: int) -> bool:
        """Stores the scores of one piece. Returns whether the text is complete."""
        self.scores[place] = scores
        self.missing -= 1
        self.seconds += seconds
        self.rows = max(self.rows, rows)
        return not self.missing

    def outcome(self, output: Output) -> Outcome:
        """Its outcome, with the times measured."""
        queue_seconds = 0.0 if self.called is None else self.called - self.job.arrived
        return Outcome(output, self.seconds, self.rows, queue_seconds)


@dataclass(slots=True, eq=False)
class Row:
    """One row of a call: a piece of an instance. `place`: its index among the pieces of the instance."""

    pending: Pending
    place: int
    cost: int

    @property
    def piece(self) -> Piece:
        """The piece, as the runtime has made it."""
        return self.pending.pieces[self.place]

    @property
    def is_last(self) -> bool:
        """Whether it is the last row of its instance, so that the instance leaves the queue with it."""
        return self.place == len(self.pending.pieces) - 1
