"""What a candidate says in the shadow is recorded beside predictions that are on record, and with no others."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0020"
down_revision = "0019"

SCRIPT = """
-- Adds rows of predictions.shadow, given as a list of objects; returns how many. Each holds its prediction until the
-- commit, so that whoever erases it finds the row as well; one that is just being erased is not waited for.
CREATE FUNCTION predictions.add_shadows(rows jsonb) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH added AS (
        INSERT INTO predictions.shadow
        SELECT given.* FROM jsonb_populate_recordset(NULL::predictions.shadow, rows) AS given
        CROSS JOIN LATERAL (
            SELECT FROM predictions.prediction
            WHERE prediction.prediction_id = given.prediction_id AND prediction.created_at = given.made_at
            FOR KEY SHARE SKIP LOCKED
        ) AS on_record
        ON CONFLICT DO NOTHING RETURNING 1
    ) SELECT count(*) FROM added
$$;
REVOKE EXECUTE ON FUNCTION predictions.add_shadows(jsonb) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION predictions.add_shadows(jsonb) TO prediction_service;
"""


def upgrade() -> None:
    """A function; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
