"""A service refuses to work on a schema older than its code."""

from alembic.script import ScriptDirectory

from shared.database.migrate import MIGRATIONS


class OutdatedSchemaError(Exception):
    """The database has not seen the migrations that this code needs."""


def newest_revision() -> str:
    """The revision this code was written for."""
    return ScriptDirectory(str(MIGRATIONS)).get_current_head() or ""


def check_revision(found: str | None) -> None:
    """Raises OutdatedSchemaError unless `found`, the database's revision, is this code's or a newer one.

    A revision that this code does not know comes from a newer release: migrations are written so that the release
    before them goes on working while services are replaced one by one.
    """
    script = ScriptDirectory(str(MIGRATIONS))
    older = {revision.revision for revision in script.walk_revisions()} - {script.get_current_head()}
    if found is None or found in older:
        raise OutdatedSchemaError(
            f"the database schema is at {found or 'nothing'}, this code needs {newest_revision()}: run the migrations"
        )
