"""Finds what deserves a person's label. Without Postgres: DatabaseUnavailable.

The newest predictions of the window are looked through, so many and no more, in the stretches where the rollups say
that they are; the price does not grow with the record.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.database import RETRY_AFTER_SECONDS, transaction
from metrics_service.predictions.filter import Filter
from metrics_service.predictions.reader import fetch_over, kept, prediction_of
from metrics_service.predictions.row_days import RowDays
from metrics_service.predictions.stretches import Wanted, stretches
from metrics_service.review import statements
from metrics_service.review.contracts import LookedAt, ReviewEntry, ReviewPage
from metrics_service.review.marks import Marks, marks_of
from metrics_service.review.ranking import Chosen, Seen, chosen, place, queues
from metrics_service.review.walk import Walk, read_walk
from metrics_service.review.words import because
from metrics_service.windows.window import Window
from shared.asyncio.clock import UtcNow
from shared.contracts.window import EARLIEST_WINDOW_END
from shared.http.problems import Overloaded

LOOKED_THROUGH = 10_000
"""Predictions; a few tenths of a second."""

FIRST_STRETCH = 500
"""Predictions of the first stretch; each next one has twice as many."""

LOOK_SECONDS = 1.0
"""After so long no further stretch is begun."""

STATEMENT_MILLISECONDS = 1500
"""So long one statement may take, whatever Postgres makes of it."""

QUERY_CANCELED = "57014"
NAMES = tuple(field.name for field in fields(Seen))


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Looks through predictions that are still kept."""

    engine: AsyncEngine
    clock: UtcNow
    row_days: RowDays

    async def page(self, asked: Filter, minutes: int, cursor: str | None, limit: int) -> ReviewPage:
        """At most `limit` predictions. `asked` names a model, and perhaps a version and when the window ends.

        Raises InvalidRequest for a cursor that is none, and Overloaded when Postgres takes too long.
        """
        question = f"{asked.digest.hex()}/{minutes}"
        walk = self._walk(asked, minutes, cursor, question)
        try:
            async with transaction(self.engine) as connection, no_longer_than(STATEMENT_MILLISECONDS, connection):
                return await self._page(connection, asked, walk, cursor, limit)
        except TookTooLong:
            raise Overloaded(
                "Looking through the predictions takes too long at the moment; a shorter window may help.",
                retry_after_seconds=RETRY_AFTER_SECONDS,
            ) from None

    def _walk(self, asked: Filter, minutes: int, cursor: str | None, question: str) -> Walk:
        """Where a client is: at the beginning, or where its cursor says."""
        if cursor is not None:
            return read_walk(cursor, question)
        until = asked.until or self.clock()
        since = max(until - timedelta(minutes=minutes), EARLIEST_WINDOW_END)
        return Walk(question=question, since=since, until=until)

    async def _page(
        self, connection: AsyncConnection, asked: Filter, walk: Walk, cursor: str | None, limit: int
    ) -> ReviewPage:
        model = Filter(model_name=asked.model_name, model_version=asked.model_version)
        if cursor is None:
            marks = await self._marks(connection, model, Window(walk.since, walk.until))
            walk = walk.model_copy(update={"marks": marks})
        # What comes late moves the end of what is looked through; twice as many leave room for it.
        rows, since = await self._look(connection, model, walk, LOOKED_THROUGH * (1 if cursor is None else 2))
        walk = walk.model_copy(update={"since": since})
        found, has_more, passed = await asyncio.to_thread(choose, rows, walk, limit)
        ids = [one.seen.prediction_id for one in found]
        window = Window(walk.since, walk.until)
        whole = {row["prediction_id"]: row for row in await fetch_over(connection)(statements.whole(ids, window))}
        return ReviewPage(
            entries=[
                entry(one, whole[one.seen.prediction_id], walk.marks)
                for one in found
                if one.seen.prediction_id in whole
            ],
            next_cursor=walk.model_copy(update={"passed": passed}).written() if has_more else None,
            looked_at=LookedAt(predictions=len(rows), since=walk.since, until=walk.until),
        )

    async def _marks(self, connection: AsyncConnection, model: Filter, window: Window) -> Marks:
        """What is rare in the window, and what has grown."""
        fetch = fetch_over(connection)
        labels, inputs = await fetch(statements.labels(model, window)), await fetch(statements.inputs(model, window))
        return await asyncio.to_thread(marks_of, labels, inputs)

    async def _look(
        self, connection: AsyncConnection, model: Filter, walk: Walk, most: int
    ) -> tuple[list[Mapping[str, Any]], datetime]:
        """The newest predictions between two times, and how far back they go."""
        rows: list[Mapping[str, Any]] = []
        fetch, wanted, give_up_at = fetch_over(connection), Wanted(FIRST_STRETCH), monotonic() + LOOK_SECONDS
        within = Filter(model.model_name, model.model_version, since=walk.since, until=walk.until)
        way = stretches(fetch, within, kept(self.clock(), self.row_days, within, None), wanted)
        async with aclosing(way):
            async for stretch in way:
                most_now = most - len(rows)
                rows += await fetch(statements.looked(model, stretch.windows, walk.marks.moved, most_now))
                if len(rows) >= most:
                    return rows, min(row["created_at"] for row in rows)
                if monotonic() > give_up_at:
                    return rows, stretch.start
                wanted.predictions = min(2 * wanted.predictions, most_now)
        return rows, walk.since


class TookTooLong(Exception):
    """Postgres has ended a statement that took too long."""


@asynccontextmanager
async def no_longer_than(milliseconds: int, connection: AsyncConnection) -> AsyncIterator[None]:
    """For the rest of a transaction, no statement takes longer. Raises TookTooLong."""
    await connection.execute(text(f"SET LOCAL statement_timeout = {milliseconds}"))
    try:
        yield
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) == QUERY_CANCELED:
            raise TookTooLong from error
        raise


def choose(rows: Sequence[Mapping[str, Any]], walk: Walk, limit: int) -> tuple[list[Chosen], bool, dict[Any, Any]]:
    """What is handed out next, whether there would be more, and how far the client then has come."""
    looked = [Seen(**{name: row[name] for name in NAMES}) for row in rows]
    found, has_more = chosen(queues(looked, walk.marks, walk.passed), limit)
    passed = dict(walk.passed)
    for one in found:
        passed[one.reason] = place(one.seen, one.reason, walk.marks) or passed[one.reason]
    return found, has_more, passed


def entry(one: Chosen, row: Mapping[str, Any], marks: Marks) -> ReviewEntry:
    """As clients see it."""
    return ReviewEntry(reason=one.reason, because=because(one, marks), prediction=prediction_of(row))
