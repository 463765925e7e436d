"""Reads instances into pieces with a known cost, before anything is computed: windows of tokens, or whole instances.

Reading a long text takes milliseconds, so it is done in threads, a few texts at a time, so that requests take turns
there too. It stops as soon as a request exceeds the limit of tokens.
"""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from prediction_service.batching.runtime import Piece, SlicedRuntime
from prediction_service.batching.threads import DaemonThreads
from prediction_service.signature.signature import Instance, length_of
from shared.http.problems import Problem

SHORT_CHARACTERS = 400
"""Instances of at most so many characters (of rows: inputs) together are read on the event loop, in less than half a
millisecond: about the time that switching to a thread takes."""

SLICE_CHARACTERS = 4096
"""Several texts are read in one go up to this length, which takes two to ten milliseconds."""

READERS = 2
"""Threads that read for one model. Each model has its own, so that a text that hangs one delays no other model."""


class RequestTooCostly(Problem):
    """The texts of a request have more tokens than the model computes for one."""

    status = 413
    type = "urn:problem-type:request-too-costly"
    title = "Request Too Costly"

    def __init__(self, model: str, max_tokens: int) -> None:
        super().__init__(
            f"The model {model} computes at most {max_tokens} tokens for one request; these texts have more. Send "
            "fewer or shorter ones.",
            max_tokens=max_tokens,
        )


@dataclass(slots=True)
class Reader:
    """Reads the texts of requests to one model."""

    model: str
    runtime: SlicedRuntime
    max_tokens: int
    threads: DaemonThreads = field(init=False)

    def __post_init__(self) -> None:
        self.threads = DaemonThreads(READERS, f"read {self.model}")

    async def read(self, instances: Sequence[Instance], seconds: float) -> list[Sequence[Piece]]:
        """The pieces of each instance. Raises RequestTooCostly, TimeoutError; ModelError if one cannot be read."""
        lengths = list(map(length_of, instances))
        if sum(lengths) <= SHORT_CHARACTERS:
            return self._bounded(self.runtime.pieces(instances), 0)[0]
        loop, pieces, tokens = asyncio.get_running_loop(), list[Sequence[Piece]](), 0
        async with asyncio.timeout(seconds):
            for some in slices(instances, lengths):
                read = await loop.run_in_executor(self.threads, self.runtime.pieces, some)
                read, tokens = self._bounded(read, tokens)
                pieces += read
        return pieces

    def _bounded(self, read: list[Sequence[Piece]], tokens: int) -> tuple[list[Sequence[Piece]], int]:
        """What was read, and the number of tokens including it. Raises RequestTooCostly."""
        tokens += sum(piece.tokens for own in read for piece in own)
        if tokens > self.max_tokens:
            raise RequestTooCostly(self.model, self.max_tokens)
        return read, tokens


def slices(instances: Sequence[Instance], lengths: Sequence[int]) -> Iterator[Sequence[Instance]]:
    """Groups of consecutive instances that are read in one go; a long one is a group of its own."""
    start = length = 0
    for index, own in enumerate(lengths):
        if length + own > SLICE_CHARACTERS and index > start:
            yield instances[start:index]
            start, length = index, 0
        length += own
    yield instances[start:]
