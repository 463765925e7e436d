"""Predictions and alert thresholds, and what each service may do with them."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0001"
down_revision = None

SCRIPT = """
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT SELECT ON public.alembic_version TO gateway, prediction_service, metrics_service;

CREATE SCHEMA predictions;
CREATE TABLE predictions.prediction (
    prediction_id     uuid NOT NULL,
    created_at        timestamptz NOT NULL,
    model_name        text NOT NULL,
    model_version     text NOT NULL,
    task_type         text NOT NULL,
    prediction_label  text NOT NULL,
    confidence        double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1), -- so NaN is refused as well
    inference_time_ms double precision NOT NULL CHECK (inference_time_ms >= 0 AND inference_time_ms < 'infinity'),
    input_length      integer NOT NULL CHECK (input_length >= 0),
    metrics_data      jsonb NOT NULL,
    text              text,
    PRIMARY KEY (prediction_id, created_at)
) PARTITION BY RANGE (created_at);
COMMENT ON COLUMN predictions.prediction.text IS 'Only when STORE_TEXT is on';
CREATE INDEX prediction_created_at_idx ON predictions.prediction (created_at);
CREATE TABLE predictions.prediction_default PARTITION OF predictions.prediction DEFAULT;

-- The prediction-service may add to the record and do nothing else with it.
GRANT USAGE ON SCHEMA predictions TO prediction_service, metrics_service;
GRANT INSERT ON predictions.prediction TO prediction_service;
GRANT SELECT ON predictions.prediction TO metrics_service;

CREATE SCHEMA metrics;
CREATE TABLE metrics.threshold_profile (
    model_name                     text PRIMARY KEY,
    min_confidence_warning         double precision NOT NULL,
    min_confidence_critical        double precision NOT NULL,
    max_inference_time_warning_ms  double precision NOT NULL,
    max_inference_time_critical_ms double precision NOT NULL,
    version                        integer NOT NULL,
    updated_at                     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN metrics.threshold_profile.model_name IS $$'' for the default profile$$;
GRANT USAGE ON SCHEMA metrics TO metrics_service;
GRANT SELECT, INSERT, UPDATE, DELETE ON metrics.threshold_profile TO metrics_service;
"""


def upgrade() -> None:
    """Makes new tables only; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
