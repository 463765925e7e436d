"""SQLAlchemy's engine for services that query; the two hot paths (limiter, recorder) use asyncpg itself."""

import asyncpg
from pydantic import SecretStr
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from shared.database.urls import for_asyncpg

CONNECT_TIMEOUT_SECONDS = 2
COMMAND_TIMEOUT_SECONDS = 30


def create_engine(url: SecretStr, application: str, pool_size: int = 5) -> AsyncEngine:
    """An engine that connects on first use. A connection that died while idle is replaced before it is used.

    asyncpg reads the URL itself, so that everything it understands there (`sslmode`, several hosts) works.
    """

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(
            for_asyncpg(url),
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=COMMAND_TIMEOUT_SECONDS,
            # Our queries take milliseconds; to compile one takes longer than to run it.
            server_settings={"application_name": application, "jit": "off"},
        )

    return create_async_engine(
        "postgresql+asyncpg://",
        async_creator=connect,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_timeout=CONNECT_TIMEOUT_SECONDS,
        pool_pre_ping=True,
    )


async def ping(engine: AsyncEngine) -> None:
    """Raises when the database does not answer."""
    async with engine.connect() as connection:
        await connection.execute(text("SELECT 1"))
