"""Statements of SQLAlchemy as spans of the request that asks them, with their text and never what they are given."""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from shared.tracing.span import span

UNDER_WAY = "span"
"""Where a connection keeps the span of its statement: it does one at a time."""

LONGEST_TEXT = 1000
"""Characters of a statement that a span tells."""


def trace_statements(engine: AsyncEngine) -> None:
    """From now on each statement within a traced request is a span."""
    event.listen(engine.sync_engine, "before_cursor_execute", begin)
    event.listen(engine.sync_engine, "after_cursor_execute", end)
    event.listen(engine.sync_engine, "handle_error", fail)


def begin(connection: Connection, _cursor: Any, statement: str, *_: Any) -> None:
    """A statement goes to Postgres."""
    begun = span(statement.split(None, 1)[0].upper() if statement.strip() else "SQL", is_client=True)
    if begun:
        begun.set("db.system.name", "postgresql")
        begun.set("db.query.text", " ".join(statement.split())[:LONGEST_TEXT])
        connection.info[UNDER_WAY] = begun


def end(connection: Connection, *_: Any) -> None:
    """It was done."""
    if begun := connection.info.pop(UNDER_WAY, None):
        begun.end()


def fail(context: ExceptionContext) -> None:
    """It was not done."""
    if context.connection is not None and (begun := context.connection.info.pop(UNDER_WAY, None)):
        begun.fail(context.original_exception)
        begun.end()
