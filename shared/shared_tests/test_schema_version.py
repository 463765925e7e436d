"""The schema and the code that uses it belong together."""

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from shared.database.engine import create_engine
from shared.database.migrate import MIGRATIONS
from shared.database.schema_version import NEWEST_REVISION, OutdatedSchemaError, check_revision
from shared.database.tables import gateway, keys, metadata, metrics, predictions, rollouts, rollups  # noqa: F401 - they register tables
from shared.testing.postgres import Database


def test_the_code_names_alembics_head() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_current_head() == NEWEST_REVISION


@pytest.mark.parametrize("found", [None, "0000", "0001"])
def test_an_older_schema_is_refused(found: str | None) -> None:
    with pytest.raises(OutdatedSchemaError, match=NEWEST_REVISION):
        check_revision(found)


def test_this_schema_and_a_newer_one_are_fine() -> None:
    check_revision(NEWEST_REVISION)
    check_revision("9999")


async def test_the_tables_in_the_code_are_those_that_the_migrations_make(database: Database) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"include_schemas": True, "include_name": is_ours})
        return list(compare_metadata(context, metadata))

    def is_ours(name: str | None, kind: str, parents: dict[str, str | None]) -> bool:
        if kind == "schema":
            return name in {"gateway", "metrics", "predictions"}
        return kind != "table" or f"{parents['schema_name']}.{name}" in metadata.tables

    engine = create_engine(database.url(), "test")
    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
    await engine.dispose()
