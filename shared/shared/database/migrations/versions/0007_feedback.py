"""What a prediction should have been, as its user says."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0007"
down_revision = "0006"

SCRIPT = """
-- Repeats what quality is computed from: the answer needs no look at the predictions, which may be gone by then.
CREATE TABLE metrics.feedback (
    prediction_id    uuid        PRIMARY KEY,
    predicted_at     timestamptz NOT NULL,
    model_name       text        NOT NULL,
    model_version    text        NOT NULL,
    task_type        text        NOT NULL,
    prediction_label text        NOT NULL,
    actual_label     text        NOT NULL,
    given_at         timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX feedback_predicted_at_idx ON metrics.feedback (predicted_at);
GRANT SELECT, INSERT, UPDATE, DELETE ON metrics.feedback TO metrics_service;
"""


def upgrade() -> None:
    """Makes a new table only; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
