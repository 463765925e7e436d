"""What each key is used for: predictions by hour and day, counted as they are recorded; requests by day."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0029"
down_revision = "0028"

PREDICTIONS = """
CREATE TABLE metrics.key_batch (
    hour               timestamptz      NOT NULL,
    key_id             uuid             NOT NULL,
    model_name         text             NOT NULL,
    model_version      text             NOT NULL,
    predictions        bigint           NOT NULL,
    without_confidence bigint           NOT NULL,
    confidence_sum     double precision NOT NULL,
    time_sum           double precision NOT NULL
);
COMMENT ON TABLE metrics.key_batch IS 'what a statement has written of a key, until it is in key_rollup';

CREATE TABLE metrics.key_rollup (
    minutes            smallint         NOT NULL,
    bucket             timestamptz      NOT NULL,
    key_id             uuid             NOT NULL,
    model_name         text             NOT NULL,
    model_version      text             NOT NULL,
    predictions        bigint           NOT NULL,
    without_confidence bigint           NOT NULL,
    confidence_sum     double precision NOT NULL,
    time_sum           double precision NOT NULL,
    PRIMARY KEY (key_id, minutes, bucket, model_name, model_version)
);
CREATE INDEX key_rollup_minutes_bucket_idx ON metrics.key_rollup (minutes, bucket);
COMMENT ON COLUMN metrics.key_rollup.minutes IS 'width of the bucket: 60 or 1440 minutes';
GRANT SELECT ON metrics.key_batch TO metrics_service;
GRANT SELECT, DELETE ON metrics.key_rollup TO metrics_service;

-- Writers only add rows, so they never wait for each other; of predictions without a key nothing is written.
CREATE FUNCTION metrics.roll_up_keys() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    INSERT INTO metrics.key_batch
    SELECT date_bin('1 hour', created_at, '2000-01-01Z'), key_id, model_name, model_version, count(*),
        count(*) FILTER (WHERE confidence IS NULL), coalesce(sum(confidence), 0), sum(inference_time_ms)
    FROM inserted WHERE key_id IS NOT NULL GROUP BY 1, 2, 3, 4;
    RETURN NULL;
END $$;

-- Puts the rows of at most `at_most` statements into key_rollup; returns of how many. Readers add both tables up, in
-- one statement, so every number is right before and after. Whoever else does so at the same time takes others.
CREATE FUNCTION metrics.count_keys(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (
        DELETE FROM metrics.key_batch WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM metrics.key_batch LIMIT at_most FOR UPDATE SKIP LOCKED
        )) RETURNING *
    ), kept AS (
        INSERT INTO metrics.key_rollup AS known
        SELECT minutes, date_bin(minutes * interval '1 minute', hour, '2000-01-01Z'), key_id, model_name, model_version,
            sum(predictions), sum(without_confidence), sum(confidence_sum), sum(time_sum)
        FROM gone, unnest('{60,1440}'::smallint[]) AS minutes GROUP BY 3, 1, 2, 4, 5 ORDER BY 3, 1, 2, 4, 5
        ON CONFLICT (key_id, minutes, bucket, model_name, model_version) DO UPDATE SET
            predictions = known.predictions + excluded.predictions,
            without_confidence = known.without_confidence + excluded.without_confidence,
            confidence_sum = known.confidence_sum + excluded.confidence_sum,
            time_sum = known.time_sum + excluded.time_sum
    )
    SELECT count(*) FROM gone
$$;
REVOKE EXECUTE ON FUNCTION metrics.count_keys(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metrics.count_keys(integer) TO metrics_service;

-- For the gateway, which has keys and no predictions: how many a key got on which day (UTC).
CREATE FUNCTION metrics.predictions_of_key(the_key uuid, since date, until date)
RETURNS TABLE (day date, predictions bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = '' AS $$
    SELECT (bucket AT TIME ZONE 'UTC')::date, sum(counted.predictions)::bigint FROM (
        SELECT bucket, predictions FROM metrics.key_rollup WHERE key_id = the_key AND minutes = 1440
            AND bucket >= since::timestamp AT TIME ZONE 'UTC' AND bucket <= until::timestamp AT TIME ZONE 'UTC'
        UNION ALL SELECT hour, predictions FROM metrics.key_batch WHERE key_id = the_key
            AND hour >= since::timestamp AT TIME ZONE 'UTC' AND hour < (until + 1)::timestamp AT TIME ZONE 'UTC'
    ) AS counted GROUP BY 1
$$;
REVOKE EXECUTE ON FUNCTION metrics.predictions_of_key(uuid, date, date) FROM PUBLIC;
GRANT USAGE ON SCHEMA metrics TO gateway;
GRANT EXECUTE ON FUNCTION metrics.predictions_of_key(uuid, date, date) TO gateway;

-- As in 0011: nobody queues behind this for longer than it waits itself.
DO $$
BEGIN
    SET LOCAL lock_timeout = '500ms';
    FOR attempt IN 1 .. 60 LOOP
        BEGIN
            LOCK TABLE predictions.prediction IN SHARE ROW EXCLUSIVE MODE;
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
CREATE TRIGGER roll_up_keys AFTER INSERT ON predictions.prediction
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION metrics.roll_up_keys();
"""

REQUESTS = """
CREATE TABLE gateway.key_usage (
    key_id   uuid   NOT NULL,
    day      date   NOT NULL,
    requests bigint NOT NULL,
    refused  bigint NOT NULL,
    predict  bigint NOT NULL,
    feedback bigint NOT NULL,
    reports  bigint NOT NULL,
    PRIMARY KEY (key_id, day)
);
CREATE INDEX key_usage_day_idx ON gateway.key_usage (day);
COMMENT ON COLUMN gateway.key_usage.requests IS 'that the key let in, refused ones among them';
COMMENT ON COLUMN gateway.key_usage.refused IS 'by a limit';

-- The last batch of each gateway process, so that one that comes again is not counted again.
CREATE TABLE gateway.usage_batch (
    gateway    uuid        PRIMARY KEY,
    batch      bigint      NOT NULL,
    written_at timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON gateway.key_usage, gateway.usage_batch TO gateway;

-- Adds what a gateway process has counted; a batch that is known already is left out. Rows are changed in the order of
-- their keys, so that gateways never wait for each other in a circle.
CREATE FUNCTION gateway.add_key_usage(the_gateway uuid, the_batch bigint, counted jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    INSERT INTO gateway.usage_batch AS known VALUES (the_gateway, the_batch, clock_timestamp())
    ON CONFLICT (gateway) DO UPDATE SET batch = excluded.batch, written_at = excluded.written_at
        WHERE known.batch < excluded.batch;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO gateway.key_usage AS known
    SELECT * FROM jsonb_populate_recordset(NULL::gateway.key_usage, counted) ORDER BY key_id, day
    ON CONFLICT (key_id, day) DO UPDATE SET
        requests = known.requests + excluded.requests, refused = known.refused + excluded.refused,
        predict = known.predict + excluded.predict, feedback = known.feedback + excluded.feedback,
        reports = known.reports + excluded.reports;
END $$;
"""


def upgrade() -> None:
    """New tables beside the others, and a trigger; writers wait for an instant."""
    run_script(op.get_bind(), PREDICTIONS + REQUESTS)
