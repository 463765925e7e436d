"""Loaded models; pinned baselines, silences and their audit trail; what opened an alert and what closed it."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0010"
down_revision = "0009"

SCRIPT = """
-- What the prediction-services have loaded. Each repeats its rows every few seconds, so a version whose seen_at is old
-- is loaded nowhere; its row stays, because feedback on its predictions still needs its labels.
CREATE TABLE predictions.model (
    model_name    text        NOT NULL,
    model_version text        NOT NULL,
    task_type     text        NOT NULL,
    labels        text[]      NOT NULL,
    digest        text        NOT NULL,
    baseline      jsonb,
    loaded_at     timestamptz NOT NULL DEFAULT now(),
    seen_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model_name, model_version)
);
COMMENT ON COLUMN predictions.model.digest IS 'SHA-256 over the files of its folder';
COMMENT ON COLUMN predictions.model.baseline IS 'the figures of its baseline.json';
COMMENT ON COLUMN predictions.model.seen_at IS 'when a prediction-service last said that it is loaded';
GRANT SELECT, INSERT, UPDATE, DELETE ON predictions.model TO prediction_service;
GRANT SELECT ON predictions.model TO metrics_service;

CREATE TABLE metrics.baseline (
    model_name    text        NOT NULL,
    name          text        NOT NULL,
    source        text        NOT NULL,
    model_version text,
    window_start  timestamptz,
    window_end    timestamptz,
    counts        jsonb       NOT NULL,
    watched       boolean     NOT NULL,
    pinned_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (model_name, name)
);
COMMENT ON COLUMN metrics.baseline.counts IS 'predictions per bin of each measure, and per version';
COMMENT ON COLUMN metrics.baseline.watched IS 'whether drift from it is an alert';
GRANT SELECT, INSERT, UPDATE, DELETE ON metrics.baseline TO metrics_service;

CREATE TABLE metrics.silence (
    silence_id uuid        PRIMARY KEY,
    model_name text,
    signal     text,
    until      timestamptz NOT NULL,
    reason     text        NOT NULL,
    created_at timestamptz NOT NULL
);
COMMENT ON COLUMN metrics.silence.model_name IS 'null: every model';
COMMENT ON COLUMN metrics.silence.signal IS 'null: every signal';
COMMENT ON COLUMN metrics.silence.until IS 'when it ends; whoever ends it early sets this';
GRANT SELECT, INSERT, UPDATE, DELETE ON metrics.silence TO metrics_service;

CREATE TABLE metrics.audit (
    change_id      bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    subject        text        NOT NULL,
    action         text        NOT NULL,
    model_name     text,
    detail         jsonb       NOT NULL,
    changed_at     timestamptz NOT NULL DEFAULT now(),
    request_id     text        NOT NULL,
    client_address text        NOT NULL
);
COMMENT ON COLUMN metrics.audit.subject IS 'baseline or silence';
COMMENT ON COLUMN metrics.audit.client_address IS 'X-Forwarded-For as the gateway sent it, else the peer';
CREATE INDEX audit_subject_change_id_idx ON metrics.audit (subject, change_id);
GRANT SELECT, INSERT ON metrics.audit TO metrics_service;

ALTER TABLE metrics.alert
    ADD COLUMN about text NOT NULL DEFAULT '',
    ADD COLUMN history jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN announced text NOT NULL DEFAULT 'normal';
COMMENT ON COLUMN metrics.alert.history IS 'every severity it had, with the evidence for it; normal: what closed it';
COMMENT ON COLUMN metrics.alert.announced IS 'the severity that receivers were told last; normal: that it is over';
UPDATE metrics.alert SET announced = severity WHERE closed_at IS NULL;
UPDATE metrics.alert SET history = jsonb_build_array(jsonb_build_object(
    'at', opened_at, 'severity', severity, 'threshold', threshold,
    'threshold_value', threshold_value, 'measured_value', measured_value, 'about', ''
)) WHERE closed_at IS NULL;

-- Feedback from before is believed as it was; who gave it is not known.
ALTER TABLE metrics.feedback
    ADD COLUMN given_by text NOT NULL DEFAULT '',
    ADD COLUMN is_trusted boolean NOT NULL DEFAULT true;
ALTER TABLE metrics.feedback ALTER COLUMN is_trusted SET DEFAULT false;
COMMENT ON COLUMN metrics.feedback.given_by IS 'digest of the address it came from';
COMMENT ON COLUMN metrics.feedback.is_trusted IS 'whether it came with the admin token';
"""


def upgrade() -> None:
    """Makes new tables and columns with constant defaults; nobody waits for longer than a look at the catalog."""
    run_script(op.get_bind(), SCRIPT)
