"""With every prediction, and with feedback, the id of the key it came with."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0026"
down_revision = "0025"

SCRIPT = """
-- As in 0011: nobody queues behind this for longer than it waits itself.
DO $$
BEGIN
    SET LOCAL lock_timeout = '500ms';
    FOR attempt IN 1 .. 60 LOOP
        BEGIN
            LOCK TABLE predictions.prediction, metrics.feedback IN ACCESS EXCLUSIVE MODE;
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
ALTER TABLE predictions.prediction ADD COLUMN key_id uuid;
ALTER TABLE metrics.feedback ADD COLUMN key_id uuid;
COMMENT ON COLUMN predictions.prediction.key_id IS 'of the key it came with; found by caller, which has an index';
COMMENT ON COLUMN predictions.prediction.caller IS
    'digest of the key it came with, by its id, or else of the address; null: none was told';
COMMENT ON COLUMN metrics.feedback.key_id IS 'of the key it came with';
COMMENT ON COLUMN metrics.feedback.given_by IS 'digest of who gave it';
"""


def upgrade() -> None:
    """Adds two columns without a value; writers wait for an instant."""
    run_script(op.get_bind(), SCRIPT)
