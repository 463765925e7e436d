"""A service refuses to work on a schema older than its code. No database library here: not all services have one."""

NEWEST_REVISION = "0033"
"""The migration this code was written for; a test holds it to Alembic's head. Revisions are numbers of four digits."""

REVISION_QUERY = "SELECT version_num FROM public.alembic_version"

IS_MIGRATED_QUERY = "SELECT to_regclass('public.alembic_version') IS NOT NULL"
"""Whether there is a schema to ask for its revision: Postgres logs an error for a table that is not there."""


class OutdatedSchemaError(Exception):
    """The database has not seen the migrations that this code needs."""


def check_revision(found: str | None) -> None:
    """Raises OutdatedSchemaError when `found`, the database's revision, is older than this code.

    A newer one is fine: migrations are written so that the release before them goes on working while services are
    replaced one by one.
    """
    if found is None or found < NEWEST_REVISION:
        raise OutdatedSchemaError(
            f"the database schema is at {found or 'nothing'}, this code needs {NEWEST_REVISION}: run the migrations"
        )
