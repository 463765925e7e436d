"""The record can be read and erased: whose a prediction is, and what was erased and must not come back."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0013"
down_revision = "0012"

CALLERS = """
-- As in 0011: nobody queues behind this for longer than it waits itself.
DO $$
BEGIN
    SET LOCAL lock_timeout = '500ms';
    FOR attempt IN 1 .. 60 LOOP
        BEGIN
            LOCK TABLE predictions.prediction IN ACCESS EXCLUSIVE MODE;
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
ALTER TABLE predictions.prediction ADD COLUMN caller uuid;
COMMENT ON COLUMN predictions.prediction.caller IS
    'digest of what the gateway counts the caller as; null: none was told';

-- Of the parent alone: it is what the partitions of days to come are made like. Partitions that hold rows already hold
-- none with a caller, and get no index, for to read them all would hold up their writers: what today's partition still
-- gets is found by its time, from callers_since on.
CREATE INDEX prediction_caller_created_at_idx ON ONLY predictions.prediction (caller, created_at)
    WHERE caller IS NOT NULL;
DO $$
DECLARE
    partition regclass;
    has_rows  boolean;
BEGIN
    FOR partition IN SELECT inhrelid FROM pg_inherits WHERE inhparent = 'predictions.prediction'::regclass LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %s)', partition) INTO has_rows;
        IF NOT has_rows THEN
            EXECUTE format(
                'CREATE INDEX ON %s (caller, created_at) WHERE caller IS NOT NULL', partition);
        END IF;
    END LOOP;
    EXECUTE format(
        'CREATE FUNCTION predictions.callers_since() RETURNS timestamptz LANGUAGE sql IMMUTABLE PARALLEL SAFE AS %L',
        format('SELECT %L::timestamptz', now()));
END $$;
COMMENT ON FUNCTION predictions.callers_since() IS 'no prediction from before has a caller';
"""

ERASURES = """
-- What was erased on demand: one prediction, or all that a caller had made until then. What still waits in a journal,
-- or comes a second time, stays away by it.
CREATE TABLE predictions.erasure (
    erasure_id    bigint      PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
    prediction_id uuid,
    caller        uuid,
    model_name    text,
    until         timestamptz NOT NULL,
    finished_at   timestamptz,
    CONSTRAINT erasure_what_check CHECK ((prediction_id IS NULL) <> (caller IS NULL))
);
COMMENT ON COLUMN predictions.erasure.model_name IS 'of a caller: only predictions of this model; null: of all';
COMMENT ON COLUMN predictions.erasure.until IS 'when it was asked for: what was made later stays';
COMMENT ON COLUMN predictions.erasure.finished_at IS 'when a look some time later found nothing more';
CREATE INDEX erasure_prediction_id_idx ON predictions.erasure (prediction_id) WHERE prediction_id IS NOT NULL;
CREATE INDEX erasure_caller_idx ON predictions.erasure (caller) WHERE caller IS NOT NULL;
CREATE INDEX erasure_open_idx ON predictions.erasure (erasure_id) WHERE finished_at IS NULL;
GRANT SELECT ON predictions.erasure TO prediction_service, metrics_service;
GRANT INSERT, UPDATE (finished_at), DELETE ON predictions.erasure TO metrics_service;

-- Deletes what an erasure names, at most `at_most` predictions, with what their shadows said and the responses that are
-- kept for retries; returns their ids.
CREATE FUNCTION predictions.erase(number bigint, at_most integer) RETURNS SETOF uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    asked predictions.erasure;
    ids   uuid[];
BEGIN
    SELECT * INTO asked FROM predictions.erasure WHERE erasure_id = number;
    IF asked.prediction_id IS NOT NULL THEN
        WITH gone AS (
            DELETE FROM predictions.prediction WHERE prediction_id = asked.prediction_id RETURNING prediction_id
        ) SELECT array_agg(prediction_id) INTO ids FROM gone;
    ELSE
        WITH found AS (
            SELECT prediction_id, created_at FROM predictions.prediction
            WHERE caller = asked.caller AND created_at BETWEEN predictions.callers_since() AND asked.until
                AND (asked.model_name IS NULL OR model_name = asked.model_name)
            LIMIT at_most
        ), gone AS (
            DELETE FROM predictions.prediction AS doomed USING found
            WHERE doomed.prediction_id = found.prediction_id AND doomed.created_at = found.created_at
            RETURNING doomed.prediction_id
        ) SELECT array_agg(prediction_id) INTO ids FROM gone;
    END IF;
    -- These may come with later migrations.
    IF to_regclass('predictions.shadow') IS NOT NULL THEN
        EXECUTE 'DELETE FROM predictions.shadow WHERE prediction_id = ANY ($1)'
            USING coalesce(ids, ARRAY[asked.prediction_id]);
    END IF;
    IF to_regclass('predictions.kept_response') IS NOT NULL THEN
        EXECUTE 'DELETE FROM predictions.kept_response WHERE prediction_ids && $1'
            USING coalesce(ids, ARRAY[asked.prediction_id]);
    END IF;
    RETURN QUERY SELECT unnest(ids);
END $$;
REVOKE EXECUTE ON FUNCTION predictions.erase(bigint, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION predictions.erase(bigint, integer) TO metrics_service;
"""


def upgrade() -> None:
    """Adds a column and empty tables; writers wait for an instant."""
    run_script(op.get_bind(), CALLERS + ERASURES)
