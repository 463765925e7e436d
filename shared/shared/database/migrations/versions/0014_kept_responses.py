"""Responses that are kept for a day, so that a request that comes again gets the first one."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0014"
down_revision = "0013"

SCRIPT = """
-- Written by the statement that writes the predictions. No partitions: a key must be there once whatever the day, which
-- no index over partitions by day could promise; what is too old goes by small deletes.
CREATE TABLE predictions.kept_response (
    key            bytea       PRIMARY KEY,
    fingerprint    bytea       NOT NULL,
    response       bytea       NOT NULL,
    prediction_ids uuid[]      NOT NULL,
    created_at     timestamptz NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON COLUMN predictions.kept_response.key IS 'hash of the caller and its Idempotency-Key';
COMMENT ON COLUMN predictions.kept_response.fingerprint IS 'hash of the path and the body that came under this key';
COMMENT ON COLUMN predictions.kept_response.response IS 'the body of the response';
CREATE INDEX kept_response_created_at_idx ON predictions.kept_response (created_at);
GRANT SELECT, INSERT, UPDATE ON predictions.kept_response TO prediction_service;

-- Deletes at most `at_most` responses that are older than a day, and returns how many.
CREATE FUNCTION predictions.forget_responses(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (
        DELETE FROM predictions.kept_response WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM predictions.kept_response WHERE created_at < now() - interval '24 hours'
            ORDER BY created_at LIMIT at_most FOR UPDATE SKIP LOCKED
        )) RETURNING 1
    ) SELECT count(*) FROM gone
$$;
REVOKE EXECUTE ON FUNCTION predictions.forget_responses(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION predictions.forget_responses(integer) TO metrics_service;
"""


def upgrade() -> None:
    """An empty table beside the others; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
