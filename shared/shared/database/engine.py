"""SQLAlchemy's engine for services that query; the two hot paths (limiter, recorder) have a lone connection each."""

from typing import Any

import asyncpg
from pydantic import SecretStr
from sqlalchemy import event, text
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.database.connection import TAKES_WRITES, CannotConnectError, Connector, Trouble, is_lost
from shared.database.statements import trace_statements

CONNECT_TIMEOUT_SECONDS = 2
COMMAND_TIMEOUT_SECONDS = 30

UNPREPARED: dict[str, Any] = {"prepared_statement_cache_size": 0, "prepared_statement_name_func": lambda: ""}
"""Behind a pooler no statement has a name: the next one may run on another connection."""


def create_engine(url: SecretStr, application: str, pool_size: int = 5) -> AsyncEngine:
    """An engine that connects on first use, as `connection` says.

    A connection that died while idle is replaced before it is used. One that meets a server which takes no writes any
    more is dropped, and with it all that were made before: they lead to the same server.
    """
    connector = Connector(url, application)

    async def connect() -> asyncpg.Connection:
        return await connector.connect(
            seconds=CONNECT_TIMEOUT_SECONDS,
            command_seconds=COMMAND_TIMEOUT_SECONDS,
            # Our queries take milliseconds; to compile one takes longer than to run it.
            settings={"jit": "off"},
        )

    engine = create_async_engine(
        "postgresql+asyncpg://",
        connect_args={"async_creator_fn": connect, **(UNPREPARED if connector.is_pooled else {})},
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        pool_pre_ping=True,
    )
    event.listen(engine.sync_engine, "handle_error", drop_what_leads_nowhere)
    trace_statements(engine)
    return engine


def drop_what_leads_nowhere(context: ExceptionContext) -> None:
    """Tells SQLAlchemy which errors are the end of a connection besides those it knows."""
    if is_lost(context.original_exception):
        context.is_disconnect = True


async def ping(engine: AsyncEngine) -> None:
    """Raises CannotConnectError, or whatever the driver stumbles over, unless the database takes writes."""
    async with engine.connect() as connection:
        if not await connection.scalar(text(TAKES_WRITES)):
            await connection.invalidate()
            raise CannotConnectError({"the server": (Trouble.READ_ONLY, Trouble.READ_ONLY)})
