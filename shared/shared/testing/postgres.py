"""A real Postgres for tests: one server per test session, a fresh migrated database per test."""

import asyncio
import secrets
import signal
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from pydantic import SecretStr

from shared.database.migrate import migrate
from shared.database.service_roles import SERVICE_ROLES
from shared.embedded import postgres
from shared.embedded.ports import free_ports
from shared.processes.server import ServerProcess

TEMPLATE = "migrated"


class PostgresServer(ServerProcess):
    """By default without fsync: a test's data survives `kill -9` of the server, not of the machine."""

    def __init__(self, folder: Path, *, durable: bool = False, settings: dict[str, str] | None = None) -> None:
        self.password = secrets.token_urlsafe(12)
        data = folder / "postgres"
        postgres.create_cluster(data, self.password, durable=durable)
        port = next(free_ports())
        command = postgres.server_command(data, port, durable=durable, settings=settings)
        super().__init__(command, port, folder / "postgres.log")

    def url(self, database: str, role: str = postgres.SUPERUSER) -> str:
        """The URL of `database` for `role`; every role of the tests has the same password."""
        return f"postgresql://{role}:{self.password}@127.0.0.1:{self.port}/{database}"

    def start_and_wait(self) -> None:
        """Starts the server and waits until it takes queries."""
        self.start(lambda: asyncio.run(self.answers()))

    async def answers(self) -> bool:
        """Whether a query succeeds."""
        try:
            connection = await asyncpg.connect(self.url("postgres"), timeout=1)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return False
        await connection.close()
        return True

    def stop_fast(self) -> None:
        """Ends the server without waiting for its clients (Postgres's fast shutdown)."""
        self.stop(signal.SIGINT)

    async def make_template(self) -> None:
        """Migrates once, into the database that `make_database` copies."""
        await self.make_migrated(TEMPLATE)

    async def make_migrated(self, name: str) -> None:
        """A new database with the newest schema."""
        await self.execute(f"CREATE DATABASE {name}")
        await migrate(SecretStr(self.url(name)), dict.fromkeys(SERVICE_ROLES, self.password))

    async def make_database(self) -> "Database":
        """A fresh database with the newest schema."""
        name = f"test_{secrets.token_hex(6)}"
        await self.execute(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}")
        return Database(self, name)

    async def drop_database(self, name: str) -> None:
        """Removes a database, whoever is still connected."""
        await self.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    async def execute(self, statement: str) -> None:
        """Runs one statement as superuser."""
        connection = await asyncpg.connect(self.url("postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@dataclass(frozen=True)
class Database:
    """One test's database."""

    server: PostgresServer
    name: str

    def url(self, role: str = postgres.SUPERUSER) -> SecretStr:
        """Its URL for a service's role (`gateway`, `prediction_service`, `metrics_service`) or the superuser."""
        return SecretStr(self.server.url(self.name, role))

    async def fetch(self, query: str, *arguments: object) -> list[asyncpg.Record]:
        """The rows of a query, run as superuser."""
        connection = await asyncpg.connect(self.server.url(self.name))
        try:
            return await connection.fetch(query, *arguments)
        finally:
            await connection.close()
