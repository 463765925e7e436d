"""Reads the record: a page, one prediction. Without Postgres: DatabaseUnavailable."""

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from metrics_service.database import autocommit
from metrics_service.feedback.store import UnknownPrediction
from metrics_service.predictions import statements
from metrics_service.predictions.contracts import FeedbackOnRecord, PredictionPage, RecordedPrediction
from metrics_service.predictions.cursor import MICROSECOND, Position, bad_cursor, read_cursor, write_cursor
from metrics_service.predictions.filter import Filter
from metrics_service.predictions.row_days import RowDays
from metrics_service.predictions.statements import Statement
from metrics_service.predictions.stretches import FEW, Fetch, Wanted, stretches
from metrics_service.windows.window import Window
from shared.asyncio.clock import UtcNow
from shared.contracts.window import LATEST_WINDOW_END
from shared.service.key_models import EVERY_MODEL, KeyModels

PAGE_SECONDS = 1.0
"""After so long a page is given as it is, and its cursor leads on."""

MOST_LOOKED_THROUGH = 20_000
"""Predictions that one statement looks through, of a filter that leaves out most of them."""

ID_SLACK = timedelta(days=1)
"""An id says when it was made, and the prediction is as old, unless a clock was set in between."""


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Reads predictions that are still kept."""

    engine: AsyncEngine
    clock: UtcNow
    row_days: RowDays

    async def page(self, asked: Filter, cursor: str | None, limit: int) -> PredictionPage:
        """At most `limit` predictions after the place that a cursor names. Raises InvalidRequest, UnknownPrediction."""
        asked.check()
        async with autocommit(self.engine) as connection:
            after = await self.position(connection, cursor, asked)
            found, last = await self._read(connection, asked, after, limit)
        return PredictionPage(
            predictions=[prediction_of(row) for row in found],
            next_cursor=None if last is None else write_cursor(last, asked),
        )

    async def _read(
        self, connection: AsyncConnection, asked: Filter, after: Position | None, limit: int
    ) -> tuple[list[Mapping[str, Any]], Position | None]:
        """The rows of a page, and the place where the next one begins; None: there is nothing any more."""
        found: list[Mapping[str, Any]] = []
        wanted, give_up_at = Wanted(first_stretch(asked, limit)), monotonic() + PAGE_SECONDS
        fetch = fetch_over(connection)
        walk = stretches(fetch, asked, kept(self.clock(), self.row_days, asked, after), wanted)
        async with aclosing(walk):
            async for stretch in walk:
                found.extend(await fetch(statements.rows(asked, stretch.windows, after, limit + 1 - len(found))))
                if len(found) > limit:
                    last = found[limit - 1]
                    return found[:limit], Position(last["created_at"], last["prediction_id"])
                if monotonic() > give_up_at:
                    return found, Position.before(stretch.start)
                wanted.predictions = min(2 * wanted.predictions, MOST_LOOKED_THROUGH)
        return found, None

    async def place(self, cursor: str | None, asked: Filter) -> Position | None:
        """The place that a cursor names. Raises InvalidRequest, UnknownPrediction."""
        asked.check()
        async with autocommit(self.engine) as connection:
            return await self.position(connection, cursor, asked)

    async def position(self, connection: AsyncConnection, cursor: str | None, asked: Filter) -> Position | None:
        """The place that a cursor names, or the id of the last prediction that a client has."""
        if cursor is None:
            return None
        try:
            prediction_id = UUID(cursor)
        except ValueError:
            return read_cursor(cursor, asked)
        row = await find(connection, prediction_id)
        if row is None or asked.model_name not in {None, row["model_name"]}:
            raise UnknownPrediction(f"{NOT_ON_RECORD} Name the prediction before it: newest come first.")
        position = Position(row["created_at"], row["prediction_id"])
        if not await is_meant(connection, position, asked):
            raise bad_cursor("is a prediction that these filters leave out: they must stay the same")
        return position

    async def find(self, prediction_id: UUID, models: KeyModels = EVERY_MODEL) -> RecordedPrediction:
        """One prediction of these models with its feedback. Raises UnknownPrediction."""
        async with autocommit(self.engine) as connection:
            row = await find(connection, prediction_id)
        if row is None or row["model_name"] not in models:
            raise UnknownPrediction(NOT_ON_RECORD)
        return prediction_of(row)


def first_stretch(asked: Filter, limit: int) -> int:
    """How many predictions to begin with: as many as a page takes, or, where some of them are left out, a few more."""
    return max(limit + 1, FEW) if asked.has_range else limit + 1


def kept(now: datetime, row_days: RowDays, asked: Filter, after: Position | None) -> Window:
    """The time that can hold what is meant: rows that are older are about to go, or are gone."""
    start = row_days.oldest(now, asked.model_name)
    end = asked.until or LATEST_WINDOW_END
    if after is not None:
        end = min(end, after.created_at + MICROSECOND)
    return Window(max(asked.since or start, start), end)


def fetch_over(connection: AsyncConnection) -> Fetch:
    """Gives rows over a connection of the pool."""

    async def fetch(query: Statement) -> Sequence[Mapping[str, Any]]:
        result = await connection.exec_driver_sql(query.text, tuple(query.values))
        return [dict(row) for row in result.mappings()]

    return fetch


NOT_ON_RECORD = "No prediction of this id is on record, or no longer."


async def find(connection: AsyncConnection, prediction_id: UUID) -> Mapping[str, Any] | None:
    """The row of an id, looked for first around the time when the id was made."""
    made_at = time_of(prediction_id)
    around = [] if made_at is None else [Window(made_at - ID_SLACK, made_at + ID_SLACK)]
    for window in (*around, None):
        for row in await fetch_over(connection)(statements.one(prediction_id, window)):
            return row
    return None


async def is_meant(connection: AsyncConnection, position: Position, asked: Filter) -> bool:
    """Whether a prediction is one of those that a filter means."""
    at = position.created_at
    if not (asked.since or at) <= at < (asked.until or at + MICROSECOND):
        return False
    rows = await fetch_over(connection)(statements.rows(asked, [Window(at, at + MICROSECOND)], None))
    return any(row["prediction_id"] == position.prediction_id for row in rows)


def time_of(prediction_id: UUID) -> datetime | None:
    """When an id was made, to the millisecond; None: it does not say."""
    if prediction_id.version != UUID_WITH_TIME:
        return None
    milliseconds = prediction_id.int >> 80
    return datetime.fromtimestamp(milliseconds / 1000, UTC) if milliseconds < LATEST_MILLISECONDS else None


UUID_WITH_TIME = 7
LATEST_MILLISECONDS = LATEST_WINDOW_END.timestamp() * 1000


def prediction_of(row: Mapping[str, Any]) -> RecordedPrediction:
    """A row of the record as clients see it."""
    caller, feedback = row["caller"], None
    if row["given_at"] is not None:
        feedback = FeedbackOnRecord(
            **{name: row[name] for name in ("actual_label", "actual_value", "actual_labels", "given_at", "is_trusted")},
            key_id=row["feedback_key_id"],
        )
    return RecordedPrediction(
        **{name: row[name] for name in SAME_NAMES},
        timestamp=row["created_at"],
        caller=None if caller is None else caller.hex,
        feedback=feedback,
    )


SAME_NAMES = (
    "prediction_id", "model_name", "model_version", "task_type", "prediction_label", "labels", "confidence",
    "prediction_value", "inference_time_ms", "input_length", "metrics_data", "text", "inputs", "key_id",
)  # fmt: skip
