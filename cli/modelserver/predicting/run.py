"""The whole way of a file: request after request, until each row has its line in the output."""

import asyncio
from dataclasses import dataclass

import aiohttp

from modelserver.errors import UsageError
from modelserver.predicting.answers import Answers, CsvAnswers, NdjsonAnswers, StrangeAnswerError
from modelserver.predicting.output import Output
from modelserver.predicting.patience import IncompleteError, Patience
from modelserver.predicting.progress import Progress
from modelserver.predicting.request import CONNECT_SECONDS, BrokenOffError, Exchange, Target
from modelserver.predicting.rows import Input, Piece


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done. `most_rows`: of one request; None: all of them."""

    rows: Input
    output: Output
    target: Target
    is_csv: bool
    most_rows: int | None


async def run(work: Work, patience: Patience, progress: Progress) -> None:
    """Returns when the output is complete. Raises CommandError."""
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout, trust_env=True) as session:
        exchange = Exchange(session, work.target)
        while not await Round(work, progress).run(exchange, patience):
            pass
    work.output.finish()


class Round:
    """One request, and the pause behind it if it broke off."""

    def __init__(self, work: Work, progress: Progress) -> None:
        self._work, self._output, self._progress = work, work.output, progress
        self._tally, self._before = work.output.tally, work.output.tally.rows
        self._answers: Answers = (
            CsvAnswers(self._tally, work.output.header) if work.is_csv else NdjsonAnswers(self._tally)
        )
        self._sent_rows = self._before

    async def run(self, exchange: Exchange, patience: Patience) -> bool:
        """Whether nothing is left to ask. Raises CommandError."""
        pieces = self._work.rows.pieces(self._before, self._work.most_rows)
        try:
            first = await anext(pieces, None)
            if first is None:
                return self._is_complete()
            self._progress.connected()
            await exchange.run(self._query(), first, pieces, self._begun, self._sent, self._received)
            self._write(self._answers.end())
            if self._tally.rows < self._sent_rows:
                raise BrokenOffError("the answer ended before its time")
        except BrokenOffError as error:
            await self._pause(patience, error)
            return False
        patience.progress()
        return self._is_complete()

    def _is_complete(self) -> bool:
        """Whether each row of the input has its line. Raises CommandError where there are rows that cannot have one."""
        if self._work.rows.fault is not None:
            raise self._work.rows.fault
        rows = self._work.rows.rows
        if rows is not None and self._tally.rows > rows:
            raise UsageError(f"the input has {rows} rows, and the output {self._tally.rows}: is it another input?")
        return rows == self._tally.rows

    async def _pause(self, patience: Patience, error: BrokenOffError) -> None:
        """Raises IncompleteError when there is no further try."""
        if self._tally.rows > self._before:
            patience.progress()
        reason = self._answers.reason or str(error)
        words = f"after {self._tally.rows:,} rows: {reason}"
        seconds = patience.pause(words, error.retry_after, stated=bool(self._answers.reason))
        self._progress.say(f"{words}; again in {seconds:.1f} s")
        await asyncio.sleep(seconds)

    def _query(self) -> dict[str, str]:
        """All rows get their answers from the version that answered the first."""
        begun = self._output.begun
        wanted = {"model_name": begun.model_name, "model_version": begun.model_version}
        return {name: value for name, value in wanted.items() if value is not None}

    def _begun(self, model_name: str | None, model_version: str | None) -> None:
        begun = self._output.begun
        if (begun.model_name, begun.model_version) != (model_name, model_version) and model_version is not None:
            begun.model_name, begun.model_version = model_name, model_version
            self._output.keep()

    def _sent(self, piece: Piece) -> None:
        self._sent_rows = piece.rows
        self._progress.sent(piece.rows, piece.at)

    def _received(self, data: bytes) -> None:
        try:
            lines = self._answers.feed(data)
        except (ValueError, KeyError, TypeError) as error:
            raise StrangeAnswerError(f"what the server answered is no line of a stream: {error}") from error
        self._write(lines)
        self._progress.answered(self._tally.rows, self._tally.failed)

    def _write(self, lines: bytes) -> None:
        try:
            self._output.write(lines)
        except OSError as error:
            raise IncompleteError(
                f"after {self._tally.rows:,} rows the output takes no more: {error.strerror}"
            ) from error
        if isinstance(self._answers, CsvAnswers):
            self._output.header = self._answers.header
