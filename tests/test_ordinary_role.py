"""A Postgres of one's own with an ordinary role: the start works, or its one line says what an administrator types."""

import asyncio
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from pydantic import SecretStr

from local.database import migrate_own
from local.errors import CannotRunError
from shared.database.migrate import migrate
from shared.database.service_roles import SERVICE_ROLES
from shared.testing.postgres import PostgresServer
from tests.stack import LocalStack

QUICK = {"DEFAULT_MODEL": "sentiment-lexicon"}


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[PostgresServer]:
    """A Postgres in which nobody has made a role or a database yet."""
    server = PostgresServer(tmp_path)
    server.start_and_wait()
    yield server
    server.stop_fast()


async def as_administrator(server: PostgresServer, database: str, statements: str) -> None:
    connection = await asyncpg.connect(server.url(database))
    await connection.execute(statements)
    await connection.close()


async def owned(server: PostgresServer, role: str = "owner", *, owns: bool = True) -> SecretStr:
    """The URL of a database for a new role that may make no roles."""
    await server.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{server.password}'")
    await server.execute(f'CREATE DATABASE app OWNER "{role}"' if owns else "CREATE DATABASE app")
    return SecretStr(server.url("app", role))


async def advice(url: SecretStr) -> str:
    with pytest.raises(CannotRunError) as told:
        await migrate_own(url)
    text = str(told.value)
    assert "\n" not in text
    return text


def statements_in(text: str, first: str) -> str:
    return " ".join(re.findall(rf"{first} [^;]*;", text))


async def predicts(url: SecretStr) -> int:
    """What the services do first, each in its schema, all as this role; and how many predictions there are."""
    connection = await asyncpg.connect(url.get_secret_value())
    try:
        assert await connection.fetchval("SELECT version_num FROM public.alembic_version") is not None
        await connection.fetch("SELECT * FROM metrics.baseline")
        return await connection.fetchval("SELECT count(*) FROM predictions.prediction")
    finally:
        await connection.close()


async def test_an_owner_of_the_database_migrates_once_the_roles_are_there(bare: PostgresServer) -> None:
    url = await owned(bare)
    text = await advice(url)
    assert "permission denied to create role" in text
    await as_administrator(bare, "app", statements_in(text, "CREATE ROLE"))
    await migrate_own(url)
    assert await predicts(url) == 0
    await migrate_own(url)


@pytest.mark.parametrize("role", ["owner", "Odd role"])
async def test_after_an_administrator_has_migrated_the_grant_is_named_and_is_enough(
    bare: PostgresServer, role: str
) -> None:
    url = SecretStr((await owned(bare, role)).get_secret_value().replace(" ", "%20"))
    await migrate(SecretStr(bare.url("app")), {})
    text = await advice(url)
    assert "may not migrate" not in text
    grant = statements_in(text, "GRANT")
    assert grant.startswith(f"GRANT {', '.join(SERVICE_ROLES)} TO ")
    await as_administrator(bare, "app", grant)
    await migrate_own(url)
    assert await predicts(url) == 0


async def test_who_may_make_nothing_is_told_both_steps_and_they_are_enough(bare: PostgresServer) -> None:
    url = await owned(bare, owns=False)
    text = await advice(url)
    assert ".venv/bin/python -m shared.database.migrate" in text
    await migrate(SecretStr(bare.url("app")), {})
    await as_administrator(bare, "app", statements_in(text, "GRANT"))
    await migrate_own(url)
    assert await predicts(url) == 0


@pytest.mark.parametrize("given", SERVICE_ROLES)
async def test_a_member_of_one_service_is_told_the_others(bare: PostgresServer, given: str) -> None:
    url = await owned(bare)
    await migrate(SecretStr(bare.url("app")), {})
    await as_administrator(bare, "app", f"GRANT {given} TO owner")
    text = await advice(url)
    others = [role for role in SERVICE_ROLES if role != given]
    assert f"GRANT {', '.join(others)} TO owner;" in text


async def test_grants_of_its_own_are_as_good_as_membership(bare: PostgresServer) -> None:
    url = await owned(bare)
    await migrate(SecretStr(bare.url("app")), {})
    schemas = "gateway, metrics, predictions"
    await as_administrator(
        bare, "app",
        f"GRANT USAGE ON SCHEMA {schemas} TO owner; GRANT ALL ON ALL TABLES IN SCHEMA {schemas} TO owner;"
        "GRANT SELECT ON public.alembic_version TO owner",
    )  # fmt: skip
    await migrate_own(url)


async def test_a_role_that_may_make_roles_needs_nobody(bare: PostgresServer) -> None:
    url = await owned(bare)
    await bare.execute("ALTER ROLE owner CREATEROLE")
    await migrate_own(url)
    assert await predicts(url) == 0


@pytest.mark.parametrize("migrated_by", ["the administrator", "the owner"])
def test_a_stack_runs_with_an_ordinary_role(bare: PostgresServer, tmp_path: Path, migrated_by: str) -> None:
    async def prepare() -> SecretStr:
        url = await owned(bare)
        if migrated_by == "the owner":
            await bare.execute(" ".join(f"CREATE ROLE {role} NOLOGIN;" for role in SERVICE_ROLES))
        else:
            await migrate(SecretStr(bare.url("app")), dict.fromkeys(SERVICE_ROLES, secrets.token_hex(8)))
            await bare.execute(f"GRANT {', '.join(SERVICE_ROLES)} TO owner")
        return url

    url = asyncio.run(prepare())
    stack = LocalStack(tmp_path / "local", DATABASE_URL=url.get_secret_value(), **QUICK).start()
    try:
        stack.client.post("/predict", json={"text": "I love it."}).raise_for_status()
        assert stack.client.get("/metrics/count").json()["total_predictions"] == 1
        assert asyncio.run(predicts(url)) == 1
    finally:
        stack.end()
