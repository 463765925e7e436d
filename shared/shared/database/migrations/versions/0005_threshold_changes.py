"""Who changed which thresholds, when: written once and never changed."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0005"
down_revision = "0004"

SCRIPT = """
CREATE TABLE metrics.threshold_change (
    change_id      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    model_name     text        NOT NULL,
    version        integer     NOT NULL,
    before         jsonb       NOT NULL,
    after          jsonb       NOT NULL,
    changed_at     timestamptz NOT NULL DEFAULT now(),
    request_id     text        NOT NULL,
    client_address text        NOT NULL
);
COMMENT ON COLUMN metrics.threshold_change.model_name IS $$'' for the default profile$$;
COMMENT ON COLUMN metrics.threshold_change.before IS 'the thresholds that were in force, its own or the default ones';
COMMENT ON COLUMN metrics.threshold_change.client_address IS 'X-Forwarded-For as the gateway sent it, else the peer';
CREATE INDEX threshold_change_model_name_change_id_idx ON metrics.threshold_change (model_name, change_id);
GRANT SELECT, INSERT ON metrics.threshold_change TO metrics_service;
"""


def upgrade() -> None:
    """Makes a new table only; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
