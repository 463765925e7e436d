"""What guards have seen of a canary, so that the next replica which leads goes on from there."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0015"
down_revision = "0014"

SCRIPT = """
CREATE TABLE metrics.rollout_guard (
    model_name        text        PRIMARY KEY,
    started_at        timestamptz NOT NULL,
    revision          bigint      NOT NULL,
    stable_version    text        NOT NULL,
    candidate_version text        NOT NULL,
    evidence          jsonb       NOT NULL,
    readings          jsonb       NOT NULL,
    condemned_by      text,
    looked_at         timestamptz NOT NULL
);
COMMENT ON COLUMN metrics.rollout_guard.started_at IS 'of the rollout; the next one of the model replaces it';
COMMENT ON COLUMN metrics.rollout_guard.revision IS 'of the policy at the last look';
COMMENT ON COLUMN metrics.rollout_guard.evidence IS 'running bets against the candidate, by test';
COMMENT ON COLUMN metrics.rollout_guard.readings IS 'the figures of the last look, by guard';
COMMENT ON COLUMN metrics.rollout_guard.condemned_by IS 'the guard that rolls it back; null: none';
GRANT SELECT, INSERT, UPDATE ON metrics.rollout_guard TO metrics_service;
"""


def upgrade() -> None:
    """Makes a new table; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
