"""Rollups of the predictions, kept by Postgres in the transaction that writes them."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0003"
down_revision = "0002"

SCRIPT = """
-- Bins. Time: logarithmic, bin i holds (1.02^(i-1), 1.02^i] milliseconds, so the value 2 * 1.02^i / 2.02 is within
-- 0.991 % of every time in it; times of 0 have a bin of their own. The other two are for comparing distributions:
-- confidence in steps of 0.05, input length in powers of two. Not STRICT, for then Postgres would not inline them, and
-- a call per row costs more than all the rest.
CREATE FUNCTION metrics.time_bin(inference_time_ms double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN inference_time_ms > 0 THEN ceil(ln(inference_time_ms) / ln(1.02::double precision))::integer
                ELSE -100000 END
$$;
CREATE FUNCTION metrics.confidence_bin(confidence double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT least(floor(confidence * 20)::integer, 19)
$$;
CREATE FUNCTION metrics.length_bin(input_length integer) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT 100 + width_bucket(input_length, '{1,2,4,8,16,32,64,128,256,512,1024,2048,4096,8192,16384,32768}'::integer[])
$$;

CREATE TABLE metrics.rollup (
    minutes          smallint         NOT NULL,
    bucket           timestamptz      NOT NULL,
    writer           smallint         NOT NULL,
    model_name       text             NOT NULL,
    model_version    text             NOT NULL,
    task_type        text             NOT NULL,
    prediction_label text             NOT NULL,
    predictions      bigint           NOT NULL,
    confidence_sum   double precision NOT NULL,
    time_sum         double precision NOT NULL,
    time_min         double precision NOT NULL,
    time_max         double precision NOT NULL,
    time_bins        integer[]        NOT NULL,
    time_counts      integer[]        NOT NULL,
    shape_bins       integer[]        NOT NULL,
    shape_counts     integer[]        NOT NULL,
    PRIMARY KEY (minutes, bucket, writer, model_name, model_version, task_type, prediction_label)
) WITH (
    fillfactor = 50, -- room for the next version of a row on the same page: updates touch no index
    toast_tuple_target = 8160, -- histograms stay in the row, uncompressed: they change with every batch
    autovacuum_vacuum_scale_factor = 0.05
);
COMMENT ON COLUMN metrics.rollup.minutes IS 'width of the bucket: 1, 10, 60, 360 or 1440 minutes';
COMMENT ON COLUMN metrics.rollup.bucket IS 'when the bucket begins, in UTC';
COMMENT ON COLUMN metrics.rollup.writer IS 'writers at the same time have different numbers; readers sum over them';
COMMENT ON COLUMN metrics.rollup.time_counts IS 'how many inference times fell into the bin of the same position';
COMMENT ON COLUMN metrics.rollup.shape_counts IS 'the same for bins of confidence (0-19) and of input length (100-116)';

-- Adds one statement's predictions to the rollups. Writers never wait for each other here: each takes the lowest number
-- that no other open transaction holds, and changes rows of that number only. A statement's predictions are mostly of
-- one minute, so histograms are made per minute and added to every tier's row.
CREATE FUNCTION metrics.roll_up() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    the_minute timestamptz;
    my_number  smallint := 0;
BEGIN
    WHILE NOT pg_try_advisory_xact_lock(470311828, my_number) LOOP
        my_number := my_number + 1;
    END LOOP;
    FOR the_minute IN SELECT DISTINCT date_bin('1 minute', created_at, '2000-01-01Z') FROM inserted ORDER BY 1 LOOP
        INSERT INTO metrics.rollup AS known
        WITH series AS (
            SELECT model_name, model_version, task_type, prediction_label,
                count(*) AS predictions, sum(confidence) AS confidence_sum, sum(inference_time_ms) AS time_sum,
                min(inference_time_ms) AS time_min, max(inference_time_ms) AS time_max,
                array_agg(metrics.time_bin(inference_time_ms)) AS times,
                array_agg(metrics.confidence_bin(confidence)) || array_agg(metrics.length_bin(input_length)) AS shapes
            FROM inserted
            WHERE created_at >= the_minute AND created_at < the_minute + interval '1 minute'
            GROUP BY model_name, model_version, task_type, prediction_label
        ), counted AS MATERIALIZED (
            SELECT * FROM series, LATERAL (
                SELECT array_agg(bin), array_agg(n)
                FROM (SELECT bin, count(*)::integer AS n FROM unnest(times) AS bin GROUP BY bin) AS cell
            ) AS t (time_bins, time_counts), LATERAL (
                SELECT array_agg(bin), array_agg(n)
                FROM (SELECT bin, count(*)::integer AS n FROM unnest(shapes) AS bin GROUP BY bin) AS cell
            ) AS s (shape_bins, shape_counts)
        )
        SELECT minutes, date_bin(minutes * interval '1 minute', the_minute, '2000-01-01Z'), my_number,
            model_name, model_version, task_type, prediction_label,
            predictions, confidence_sum, time_sum, time_min, time_max,
            time_bins, time_counts, shape_bins, shape_counts
        FROM counted, unnest('{1,10,60,360,1440}'::smallint[]) AS minutes
        ON CONFLICT (minutes, bucket, writer, model_name, model_version, task_type, prediction_label) DO UPDATE SET
            predictions = known.predictions + excluded.predictions,
            confidence_sum = known.confidence_sum + excluded.confidence_sum,
            time_sum = known.time_sum + excluded.time_sum,
            time_min = least(known.time_min, excluded.time_min),
            time_max = greatest(known.time_max, excluded.time_max),
            (time_bins, time_counts) = (
                SELECT array_agg(bin), array_agg(n) FROM (
                    SELECT bin, sum(n)::integer AS n FROM (
                        SELECT * FROM unnest(known.time_bins, known.time_counts)
                        UNION ALL SELECT * FROM unnest(excluded.time_bins, excluded.time_counts)
                    ) AS both_sides (bin, n) GROUP BY bin
                ) AS cell
            ),
            (shape_bins, shape_counts) = (
                SELECT array_agg(bin), array_agg(n) FROM (
                    SELECT bin, sum(n)::integer AS n FROM (
                        SELECT * FROM unnest(known.shape_bins, known.shape_counts)
                        UNION ALL SELECT * FROM unnest(excluded.shape_bins, excluded.shape_counts)
                    ) AS both_sides (bin, n) GROUP BY bin
                ) AS cell
            );
    END LOOP;
    RETURN NULL;
END $$;
REVOKE EXECUTE ON FUNCTION metrics.roll_up() FROM PUBLIC;

-- Only rows that went in are rolled up: a prediction that is replayed (ON CONFLICT DO NOTHING) counts once.
CREATE TRIGGER roll_up AFTER INSERT ON predictions.prediction
    REFERENCING NEW TABLE AS inserted FOR EACH STATEMENT EXECUTE FUNCTION metrics.roll_up();

-- What was there before passes the trigger once.
WITH before AS (DELETE FROM predictions.prediction RETURNING *)
INSERT INTO predictions.prediction SELECT * FROM before;

GRANT SELECT, DELETE ON metrics.rollup TO metrics_service;
"""


def upgrade() -> None:
    """Writers wait until what they have written so far is rolled up; there is no release before this one."""
    run_script(op.get_bind(), SCRIPT)
