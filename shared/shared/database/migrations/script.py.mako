"""${message}."""

from alembic import op

from shared.database.sql_script import run_script

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}

SCRIPT = """
"""


def upgrade() -> None:
    """Say here what this does to a live database, and why no writer waits for it."""
    run_script(op.get_bind(), SCRIPT)
