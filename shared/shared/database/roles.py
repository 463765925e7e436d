"""One database role per service, with the least it needs; the migrations grant, this file makes them exist."""

from collections.abc import Mapping

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.service_roles import SERVICE_ROLES


async def ensure_roles(connection: AsyncConnection, passwords: Mapping[str, str]) -> None:
    """Makes the missing roles; those with a password may log in with it, the others not.

    On a managed Postgres whose administrator made the roles already, nothing is left to do and no right is needed.
    """
    for role in SERVICE_ROLES:
        if not await connection.scalar(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role}):
            await connection.execute(text(f"CREATE ROLE {role} NOLOGIN"))
        if role in passwords:
            quoted = await connection.scalar(text("SELECT quote_literal(:password)"), {"password": passwords[role]})
            await connection.exec_driver_sql(f"ALTER ROLE {role} LOGIN PASSWORD {quoted}")
