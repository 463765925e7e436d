"""Through PgBouncer in transaction mode: no statement meets a connection that another's was prepared on."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from shared.database.connection import CannotConnectError, Connector
from shared.database.engine import create_engine
from shared.database.lone_connection import LoneConnection
from shared.database.migrate import migrate
from shared.testing.certificates import write_certificates
from shared.testing.pgbouncer import POOL_SIZE, PgBouncer
from shared.testing.postgres import Database, PostgresServer


@pytest.fixture
def pgbouncer(postgres_server: PostgresServer, tmp_path: Path) -> Iterator[PgBouncer]:
    pgbouncer = PgBouncer(postgres_server, tmp_path)
    pgbouncer.start()
    yield pgbouncer
    pgbouncer.stop()


async def test_lone_connections_share_fewer_server_connections_and_never_meet_each_others_statements(
    pgbouncer: PgBouncer, database: Database
) -> None:
    connector = Connector(SecretStr(pgbouncer.url("gateway", database.name)), "test")

    async def ask(number: int) -> set[int]:
        lone = LoneConnection(connector, seconds=5, settings={"synchronous_commit": "off"})
        pids = set()
        for round_ in range(50):
            connection = await lone.get()
            row = await connection.fetchrow(
                f"SELECT $1::int + {number} AS sum, $2::text[] AS words, pg_backend_pid() AS pid",
                round_,
                [str(number), "é"],
            )
            assert (row["sum"], row["words"]) == (round_ + number, [str(number), "é"])
            pids.add(row["pid"])
        lone.drop()
        return pids

    pids = await asyncio.gather(*(ask(number) for number in range(16)))
    assert len(set().union(*pids)) <= POOL_SIZE
    assert any(len(mine) > 1 for mine in pids), "nobody changed connections: the test shows nothing"


async def test_an_engine_works_with_and_without_transactions(pgbouncer: PgBouncer, database: Database) -> None:
    engine = create_engine(SecretStr(pgbouncer.url("metrics_service", database.name)), "test")

    async def ask(number: int) -> None:
        for round_ in range(20):
            async with engine.connect() as connection:
                await connection.execution_options(isolation_level="AUTOCOMMIT")
                query = text(f"SELECT {number} + CAST(:n AS int), CAST(:j AS jsonb)")
                assert (await connection.execute(query, {"n": round_, "j": '{"a": 1}'})).one() == (
                    number + round_,
                    {"a": 1},
                )
            async with engine.begin() as connection:
                assert (
                    await connection.scalar(text(f"SELECT {number} - CAST(:n AS int)"), {"n": round_})
                    == number - round_
                )

    await asyncio.gather(*(ask(number) for number in range(10)))
    await engine.dispose()


async def test_migrations_run_through_it(pgbouncer: PgBouncer, postgres_server: PostgresServer) -> None:
    await postgres_server.execute("CREATE DATABASE through_pgbouncer")
    await migrate(SecretStr(pgbouncer.url("postgres", "through_pgbouncer")), {})
    assert await Database(postgres_server, "through_pgbouncer").fetch("SELECT 1 FROM predictions.prediction") == []


async def test_tls_is_spoken_as_the_url_says(
    postgres_server: PostgresServer, database: Database, tmp_path: Path
) -> None:
    """PgBouncer speaks TLS, which the embedded Postgres cannot, and asks for a certificate."""
    pgbouncer = PgBouncer(postgres_server, tmp_path, tls=True)
    pgbouncer.start()
    files = pgbouncer.certificates
    (tmp_path / "other").mkdir()
    write_certificates(tmp_path / "other")
    own = f"&sslcert={files}/certificate.pem&sslkey={files}/key.pem"

    async def trouble(parameters: str) -> str:
        url = SecretStr(pgbouncer.url("gateway", database.name) + parameters)
        try:
            await (await Connector(url, "test").connect(seconds=5)).close()
        except CannotConnectError as error:
            return str(error)
        return ""

    try:
        assert await trouble(f"&sslmode=verify-full&sslrootcert={files}/ca.pem{own}") == ""
        assert await trouble(f"&sslmode=require{own}") == ""
        assert "certificate" in await trouble(f"&sslmode=verify-full&sslrootcert={tmp_path}/other/ca.pem{own}")
        assert "certificate" in await trouble(f"&sslrootcert=system{own}")
        assert await trouble(f"&sslmode=verify-full&sslrootcert={files}/ca.pem") != "", "it asks for a certificate"
        assert await trouble("&sslmode=disable") != ""
    finally:
        pgbouncer.stop()
