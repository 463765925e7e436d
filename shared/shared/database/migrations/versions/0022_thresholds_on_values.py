"""Thresholds on the values of a model and on how far they are off."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0022"
down_revision = "0021"

SCRIPT = """
-- null: there is no such threshold.
ALTER TABLE metrics.threshold_profile
    ADD COLUMN min_value_warning double precision,
    ADD COLUMN min_value_critical double precision,
    ADD COLUMN max_value_warning double precision,
    ADD COLUMN max_value_critical double precision,
    ADD COLUMN max_mae_warning double precision,
    ADD COLUMN max_mae_critical double precision;
"""


def upgrade() -> None:
    """Columns without a default; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
