"""Alerts, and what is still to be delivered about them."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0006"
down_revision = "0005"

SCRIPT = """
CREATE TABLE metrics.alert (
    alert_id        uuid             PRIMARY KEY,
    model_name      text             NOT NULL,
    signal          text             NOT NULL,
    severity        text             NOT NULL,
    threshold       text             NOT NULL,
    threshold_value double precision NOT NULL,
    measured_value  double precision NOT NULL,
    opened_at       timestamptz      NOT NULL,
    changed_at      timestamptz      NOT NULL,
    closed_at       timestamptz
);
COMMENT ON COLUMN metrics.alert.measured_value IS 'when the severity last changed';
CREATE UNIQUE INDEX alert_open_key ON metrics.alert (model_name, signal) WHERE closed_at IS NULL;
CREATE INDEX alert_model_name_signal_closed_at_idx ON metrics.alert (model_name, signal, closed_at);

-- One row per event and webhook, written with the alert in one transaction. Events of one model go out in order of
-- delivery_id. A row is marked after the receiver said yes, so it may go out twice, with the same event_id.
CREATE TABLE metrics.alert_delivery (
    delivery_id     bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    event_id        uuid        NOT NULL,
    webhook         text        NOT NULL,
    model_name      text        NOT NULL,
    event           jsonb       NOT NULL,
    created_at      timestamptz NOT NULL,
    attempts        integer     NOT NULL DEFAULT 0,
    next_attempt_at timestamptz NOT NULL,
    delivered_at    timestamptz
);
COMMENT ON COLUMN metrics.alert_delivery.webhook IS 'digest of its URL, which may hold a secret';
CREATE INDEX alert_delivery_due_idx ON metrics.alert_delivery (webhook, model_name, delivery_id)
    WHERE delivered_at IS NULL;

GRANT SELECT, INSERT, UPDATE, DELETE ON metrics.alert, metrics.alert_delivery TO metrics_service;
"""


def upgrade() -> None:
    """Makes new tables only; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
