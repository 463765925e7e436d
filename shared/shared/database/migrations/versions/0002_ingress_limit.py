"""The gateway's own schema."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0002"
down_revision = "0001"

SCRIPT = """
CREATE SCHEMA gateway;
GRANT USAGE ON SCHEMA gateway TO gateway;
"""


def upgrade() -> None:
    """Makes a new schema only; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
