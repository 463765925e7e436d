"""Which labels a prediction of several should have had."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0032"
down_revision = "0031"

SCRIPT = """
-- As in 0011: nobody queues behind this for longer than it waits itself.
DO $$
BEGIN
    SET LOCAL lock_timeout = '500ms';
    FOR attempt IN 1 .. 60 LOOP
        BEGIN
            LOCK TABLE metrics.feedback IN ACCESS EXCLUSIVE MODE;
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF attempt = 60 THEN
                RAISE;
            END IF;
            PERFORM pg_sleep(0.5);
        END;
    END LOOP;
    SET LOCAL lock_timeout = 0;
END $$;
-- A judgement is a label for a label, a value for a value, or a set of labels for such a set. NOT VALID: what is there
-- has no sets, and nobody waits for a look at it.
ALTER TABLE metrics.feedback
    ADD COLUMN prediction_labels text[],
    ADD COLUMN actual_labels text[],
    DROP CONSTRAINT feedback_is_a_label_or_a_value,
    ADD CONSTRAINT feedback_is_a_label_a_value_or_labels CHECK (
        num_nonnulls(prediction_label, actual_label) IN (0, 2)
        AND num_nonnulls(prediction_value, actual_value) IN (0, 2)
        AND num_nonnulls(prediction_labels, actual_labels) IN (0, 2)
        AND num_nonnulls(actual_label, actual_value, actual_labels) = 1
    ) NOT VALID;
COMMENT ON COLUMN metrics.feedback.prediction_labels IS 'of a multilabel model, in the order of their bytes';
COMMENT ON COLUMN metrics.feedback.actual_labels IS 'all that would have been right, in the same order; each once';
"""


def upgrade() -> None:
    """Adds two columns without a value; writers wait for an instant."""
    run_script(op.get_bind(), SCRIPT)
