"""What the value of a prediction should have been, and how far predictions were from that."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0021"
down_revision = "0020"

WIDTHS = "'{1, 10, 60, 360, 1440}'::integer[]"


def added(judgements: str) -> str:
    """The statement that adds what these amount to. In the order of keys: nobody waits for another in a circle."""
    return f"""
        INSERT INTO metrics.error_rollup AS known
        SELECT width, date_bin(width * interval '1 minute', predicted_at, timestamptz '2000-01-01 00:00+00') AS bucket,
            model_name, model_version, task_type, is_trusted, sum(times),
            sum(times * error), sum(times * error * error)
        FROM (
            SELECT *, abs(prediction_value - actual_value)::numeric AS error FROM ({judgements}) AS judgement
            WHERE actual_value IS NOT NULL
        ) AS judged CROSS JOIN unnest({WIDTHS}) AS width
        GROUP BY width, 2, model_name, model_version, task_type, is_trusted
        ORDER BY width, 2, model_name, model_version, task_type, is_trusted
        ON CONFLICT (minutes, bucket, model_name, model_version, task_type, is_trusted) DO UPDATE SET
            judged = known.judged + excluded.judged, error_sum = known.error_sum + excluded.error_sum,
            square_sum = known.square_sum + excluded.square_sum;
    """


SCRIPT = f"""
-- A judgement is a label for a label or a value for a value.
ALTER TABLE metrics.feedback
    ALTER COLUMN prediction_label DROP NOT NULL,
    ALTER COLUMN actual_label DROP NOT NULL,
    ADD COLUMN prediction_value double precision,
    ADD COLUMN actual_value double precision,
    ADD CONSTRAINT feedback_is_a_label_or_a_value CHECK (
        num_nonnulls(prediction_label, actual_label) = 2 AND num_nulls(prediction_value, actual_value) = 2
        OR num_nulls(prediction_label, actual_label) = 2 AND num_nonnulls(prediction_value, actual_value) = 2
    ) NOT VALID;

-- Distances of predicted values from what they should have been, by when predictions were made. Sums are numeric, so
-- that a judgement that is changed leaves nothing of what it was before. What is deleted is not subtracted: aggregates
-- stay.
CREATE TABLE metrics.error_rollup (
    minutes       smallint    NOT NULL,
    bucket        timestamptz NOT NULL,
    model_name    text        NOT NULL,
    model_version text        NOT NULL,
    task_type     text        NOT NULL,
    is_trusted    boolean     NOT NULL,
    judged        bigint      NOT NULL,
    error_sum     numeric     NOT NULL,
    square_sum    numeric     NOT NULL,
    PRIMARY KEY (minutes, bucket, model_name, model_version, task_type, is_trusted)
);
COMMENT ON COLUMN metrics.error_rollup.error_sum IS 'of the absolute distances';
COMMENT ON COLUMN metrics.error_rollup.square_sum IS 'of their squares';
COMMENT ON COLUMN metrics.error_rollup.is_trusted IS 'whether they were judged with the admin token';
GRANT SELECT, DELETE ON metrics.error_rollup TO metrics_service;

CREATE FUNCTION metrics.count_errors() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        {added("SELECT 1 AS times, * FROM given")}
    ELSE
        {added("SELECT 1 AS times, * FROM given UNION ALL SELECT -1, * FROM former")}
    END IF;
    RETURN NULL;
END
$$;
REVOKE EXECUTE ON FUNCTION metrics.count_errors() FROM PUBLIC;
CREATE TRIGGER count_given_errors AFTER INSERT ON metrics.feedback
    REFERENCING NEW TABLE AS given FOR EACH STATEMENT EXECUTE FUNCTION metrics.count_errors();
CREATE TRIGGER count_changed_errors AFTER UPDATE ON metrics.feedback
    REFERENCING OLD TABLE AS former NEW TABLE AS given FOR EACH STATEMENT EXECUTE FUNCTION metrics.count_errors();
"""


def upgrade() -> None:
    """Columns without a default and a table; nobody waits."""
    run_script(op.get_bind(), SCRIPT)
