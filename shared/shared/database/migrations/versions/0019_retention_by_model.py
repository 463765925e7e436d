"""Predictions of a model may be kept less long than those of others."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0019"
down_revision = "0018"

SCRIPT = """
-- Deletes predictions of these models that were made in (after, until] and before the time that stands beside each,
-- with what their shadows said; returns how many of which. Aggregates stay: they were counted as predictions came.
-- Whoever calls takes windows of few rows. Only rows that go are locked, and nobody waits for those.
CREATE FUNCTION predictions.forget(models text[], befores timestamptz[], after timestamptz, until timestamptz)
RETURNS TABLE (model text, predictions bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (
        DELETE FROM predictions.prediction AS doomed USING unnest(models, befores) AS short (model, before)
        WHERE doomed.created_at > after AND doomed.created_at <= until
            AND doomed.model_name = short.model AND doomed.created_at < short.before
        RETURNING doomed.prediction_id, doomed.created_at, doomed.model_name
    ), shadows AS (
        DELETE FROM predictions.shadow USING gone
        WHERE shadow.prediction_id = gone.prediction_id AND shadow.made_at = gone.created_at
            AND shadow.made_at > after AND shadow.made_at <= until
    )
    SELECT model_name, count(*) FROM gone GROUP BY model_name
$$;
REVOKE EXECUTE ON FUNCTION predictions.forget(text[], timestamptz[], timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION predictions.forget(text[], timestamptz[], timestamptz, timestamptz) TO metrics_service;
"""


def upgrade() -> None:
    """A function; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
