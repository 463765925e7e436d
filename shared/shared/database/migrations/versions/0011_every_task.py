"""Predictions of every task: some have no label or confidence, some have a value, several labels or binned inputs."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0011"
down_revision = "0010"

PREDICTIONS = """
-- Nobody queues behind this for longer than it waits itself: a reader who takes long makes it try again.
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
ALTER TABLE predictions.prediction
    ALTER COLUMN prediction_label DROP NOT NULL,
    ALTER COLUMN confidence DROP NOT NULL,
    ADD COLUMN prediction_value double precision,
    ADD COLUMN input_bins smallint[],
    ADD COLUMN inputs jsonb,
    ADD COLUMN labels text[],
    -- Sums of values stay numbers. NOT VALID: what is there has none of these, so nobody waits for a look at it.
    ADD CONSTRAINT prediction_value_check CHECK (prediction_value BETWEEN -1e150 AND 1e150) NOT VALID,
    ADD CONSTRAINT prediction_input_bins_check
        CHECK (-1 <= ALL (input_bins) AND cardinality(input_bins) <= 4096) NOT VALID;
COMMENT ON COLUMN predictions.prediction.prediction_label IS 'null: the task has none, or none was sure enough';
COMMENT ON COLUMN predictions.prediction.confidence IS 'null: the model has none';
COMMENT ON COLUMN predictions.prediction.prediction_value IS 'of a regression its value, of an embedding its norm';
COMMENT ON COLUMN predictions.prediction.input_bins IS
    'one per input of the manifest, by the edges and values of baseline.json; -1: missing, null: has no bins';
COMMENT ON COLUMN predictions.prediction.inputs IS 'Only when STORE_INPUTS is on';
COMMENT ON COLUMN predictions.prediction.labels IS 'of a multilabel model: all that were sure enough';

ALTER TABLE predictions.model ADD COLUMN input_names text[];
COMMENT ON COLUMN predictions.model.input_names IS 'the inputs of its manifest, in the order of input_bins';
"""

BINS = """
-- Bins of values: logarithmic like those of times, of both signs and in the order of the values. A bin of values above
-- 0 is 50000 + i and holds (1.02^(i-1), 1.02^i], so one number is within 0.991 % of every value in it; for values
-- below 0 the sign is turned. What is closer to 0 than 1e-9 counts as 0, what is further from it than 1.02^1744 (about
-- 1e15) is in the last bin: the number of bins has a bound.
CREATE FUNCTION metrics.value_bin(prediction_value double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN abs(prediction_value) >= 1e-9 THEN sign(prediction_value)::integer * (
        50000 + least(ceil(ln(abs(prediction_value)) / ln(1.02::double precision))::integer, 1744)
    ) WHEN prediction_value IS NOT NULL THEN 0 END
$$;
CREATE OR REPLACE FUNCTION metrics.confidence_bin(confidence double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN confidence IS NOT NULL THEN least(floor(confidence * 20)::integer, 19) END
$$;
"""

ROLLUPS = """
ALTER TABLE metrics.rollup ADD COLUMN without_confidence bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN metrics.rollup.prediction_label IS $$'': predictions without a label; no label is called that$$;
COMMENT ON COLUMN metrics.rollup.without_confidence IS 'how many of the predictions have no confidence';

-- Of predictions that have a value; stored and folded as metrics.rollup is.
CREATE TABLE metrics.value_rollup (
    minutes       smallint         NOT NULL,
    bucket        timestamptz      NOT NULL,
    writer        smallint         NOT NULL,
    model_name    text             NOT NULL,
    model_version text             NOT NULL,
    task_type     text             NOT NULL,
    predictions   bigint           NOT NULL,
    value_sum     double precision NOT NULL,
    value_min     double precision NOT NULL,
    value_max     double precision NOT NULL,
    value_bins    integer[]        NOT NULL,
    value_counts  integer[]        NOT NULL,
    PRIMARY KEY (minutes, bucket, writer, model_name, model_version, task_type)
) WITH (fillfactor = 50, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
CREATE INDEX value_rollup_to_fold_idx ON metrics.value_rollup (writer, bucket) WHERE writer > 0;

-- Of predictions that may have several labels; stored and folded as metrics.rollup is.
CREATE TABLE metrics.label_rollup (
    minutes       smallint    NOT NULL,
    bucket        timestamptz NOT NULL,
    writer        smallint    NOT NULL,
    model_name    text        NOT NULL,
    model_version text        NOT NULL,
    task_type     text        NOT NULL,
    predictions   bigint      NOT NULL,
    label_names   text[]      NOT NULL,
    label_counts  integer[]   NOT NULL,
    PRIMARY KEY (minutes, bucket, writer, model_name, model_version, task_type)
) WITH (fillfactor = 50, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON COLUMN metrics.value_rollup.predictions IS 'those that have a value';
COMMENT ON COLUMN metrics.label_rollup.predictions IS 'those whose labels are known, if they have any or not';
COMMENT ON COLUMN metrics.label_rollup.label_counts IS 'how many have the label of the same position';
CREATE INDEX label_rollup_to_fold_idx ON metrics.label_rollup (writer, bucket) WHERE writer > 0;

-- How inputs are distributed. To count some ten bins of every prediction takes as long as all the rest of its rollups,
-- so a statement's bins are only put down in input_batch; metrics.count_inputs moves them on. Readers take both.
CREATE TABLE metrics.input_batch (
    minute        timestamptz  NOT NULL,
    model_name    text         NOT NULL,
    model_version text         NOT NULL,
    task_type     text         NOT NULL,
    input_bins    smallint[][] NOT NULL
);
ALTER TABLE metrics.input_batch ALTER COLUMN input_bins SET STORAGE EXTERNAL; -- to compress it costs more than it saves
COMMENT ON COLUMN metrics.input_batch.input_bins IS 'one row per prediction';
CREATE INDEX input_batch_minute_idx ON metrics.input_batch (minute);

CREATE TABLE metrics.input_rollup (
    minutes       smallint    NOT NULL,
    bucket        timestamptz NOT NULL,
    model_name    text        NOT NULL,
    model_version text        NOT NULL,
    task_type     text        NOT NULL,
    input_bins    integer[]   NOT NULL,
    input_counts  integer[]   NOT NULL,
    PRIMARY KEY (minutes, bucket, model_name, model_version, task_type)
) WITH (fillfactor = 50, toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.05);
COMMENT ON COLUMN metrics.input_rollup.minutes IS 'width of the bucket: 1 or 60 minutes';
COMMENT ON COLUMN metrics.input_rollup.input_bins IS
    '65536 * position in the manifest (from 0) + 1 + bin (-1: missing)';

GRANT SELECT, DELETE ON metrics.value_rollup, metrics.label_rollup, metrics.input_batch, metrics.input_rollup
    TO metrics_service;
"""


def merged(keys: str, counts: str) -> str:
    """The assignment that adds up the counts of the row that is there and of the new one, key by key."""
    return f"""({keys}, {counts}) = (
                SELECT coalesce(array_agg(key), '{{}}'), coalesce(array_agg(n), '{{}}') FROM (
                    SELECT key, sum(n)::integer AS n FROM (
                        SELECT unnest(known.{keys} || excluded.{keys}) AS key,
                            unnest(known.{counts} || excluded.{counts}) AS n
                    ) AS both_sides GROUP BY key
                ) AS cell
            )"""


KEY = "minutes, bucket, writer, model_name, model_version, task_type"

REST = {
    "rollup": "prediction_label, predictions, without_confidence, confidence_sum, time_sum, time_min, time_max, "
    "time_bins, time_counts, shape_bins, shape_counts",
    "value_rollup": "predictions, value_sum, value_min, value_max, value_bins, value_counts",
    "label_rollup": "predictions, label_names, label_counts",
}
"""Of each table with writers, the columns beside KEY."""

ADDED = {
    "rollup": f"""
        ON CONFLICT ({KEY}, prediction_label) DO UPDATE SET
            predictions = known.predictions + excluded.predictions,
            without_confidence = known.without_confidence + excluded.without_confidence,
            confidence_sum = known.confidence_sum + excluded.confidence_sum,
            time_sum = known.time_sum + excluded.time_sum,
            time_min = least(known.time_min, excluded.time_min),
            time_max = greatest(known.time_max, excluded.time_max),
            {merged("time_bins", "time_counts")},
            {merged("shape_bins", "shape_counts")}""",
    "value_rollup": f"""
        ON CONFLICT ({KEY}) DO UPDATE SET
            predictions = known.predictions + excluded.predictions,
            value_sum = known.value_sum + excluded.value_sum,
            value_min = least(known.value_min, excluded.value_min),
            value_max = greatest(known.value_max, excluded.value_max),
            {merged("value_bins", "value_counts")}""",
    "label_rollup": f"""
        ON CONFLICT ({KEY}) DO UPDATE SET
            predictions = known.predictions + excluded.predictions,
            {merged("label_names", "label_counts")}""",
}
"""Of each of them, how a row is added to the one that is there."""


def add(table: str) -> str:
    """The statement that adds the rows of `counted`, which it follows, to every width of a table's buckets."""
    return f"""
        INSERT INTO metrics.{table} AS known ({KEY}, {REST[table]})
        SELECT minutes, date_bin(minutes * interval '1 minute', the_minute, '2000-01-01Z'), my_number,
            model_name, model_version, task_type, {REST[table]}
        FROM counted, unnest('{{1,10,60,360,1440}}'::smallint[]) AS minutes{ADDED[table]};"""


ROLL_UP = f"""
-- Adds one statement's predictions to the rollups. Writers never wait for each other here: each takes the lowest number
-- that no other open transaction holds, and changes rows of that number only. A statement's predictions are mostly of
-- one minute, so histograms are made per minute and added to every width's row. What most predictions do not have is
-- looked at only where some have it, so the others cost what they did.
CREATE OR REPLACE FUNCTION metrics.roll_up() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    the_minute timestamptz;
    has_values boolean;
    has_labels boolean;
    has_inputs boolean;
    my_number  smallint := 0;
BEGIN
    WHILE NOT pg_try_advisory_xact_lock(470311828, my_number) LOOP
        my_number := my_number + 1;
    END LOOP;
    FOR the_minute, has_values, has_labels, has_inputs IN
        SELECT date_bin('1 minute', created_at, '2000-01-01Z'), bool_or(prediction_value IS NOT NULL),
            bool_or(labels IS NOT NULL), bool_or(input_bins IS NOT NULL)
        FROM inserted GROUP BY 1 ORDER BY 1
    LOOP
        WITH series AS (
            SELECT model_name, model_version, task_type, prediction_label AS label,
                count(*) AS predictions, sum(confidence) AS confidences, sum(inference_time_ms) AS time_sum,
                min(inference_time_ms) AS time_min, max(inference_time_ms) AS time_max,
                array_agg(metrics.time_bin(inference_time_ms)) AS times,
                array_agg(metrics.confidence_bin(confidence)) || array_agg(metrics.length_bin(input_length)) AS shapes
            FROM inserted
            WHERE created_at >= the_minute AND created_at < the_minute + interval '1 minute'
            GROUP BY model_name, model_version, task_type, prediction_label
        ), counted AS MATERIALIZED (
            SELECT *, coalesce(label, '') AS prediction_label, coalesce(confidences, 0) AS confidence_sum
            FROM series, LATERAL (
                SELECT array_agg(bin), array_agg(n)
                FROM (SELECT bin, count(*)::integer AS n FROM (SELECT unnest(times)) AS one (bin) GROUP BY bin) AS cell
            ) AS t (time_bins, time_counts), LATERAL (
                SELECT array_agg(bin) FILTER (WHERE bin IS NOT NULL), array_agg(n) FILTER (WHERE bin IS NOT NULL),
                    coalesce(sum(n) FILTER (WHERE bin IS NULL), 0)
                FROM (SELECT bin, count(*)::integer AS n FROM (SELECT unnest(shapes)) AS one (bin) GROUP BY bin) AS cell
            ) AS s (shape_bins, shape_counts, without_confidence)
        ){add("rollup")}

        IF has_values THEN
            WITH series AS (
                SELECT model_name, model_version, task_type, count(*) AS predictions,
                    sum(prediction_value) AS value_sum,
                    min(prediction_value) AS value_min, max(prediction_value) AS value_max,
                    array_agg(metrics.value_bin(prediction_value)) AS bins
                FROM inserted
                WHERE created_at >= the_minute AND created_at < the_minute + interval '1 minute'
                    AND prediction_value IS NOT NULL
                GROUP BY model_name, model_version, task_type
            ), counted AS MATERIALIZED (
                SELECT * FROM series, LATERAL (
                    SELECT array_agg(bin), array_agg(n)
                    FROM (SELECT bin, count(*)::integer AS n FROM (SELECT unnest(bins)) AS b (bin) GROUP BY bin) AS cell
                ) AS v (value_bins, value_counts)
            ){add("value_rollup")}
        END IF;

        IF has_labels THEN
            WITH series AS (
                SELECT model_name, model_version, task_type, count(*) AS predictions,
                    jsonb_agg(to_jsonb(labels)) AS lists
                FROM inserted
                WHERE created_at >= the_minute AND created_at < the_minute + interval '1 minute' AND labels IS NOT NULL
                GROUP BY model_name, model_version, task_type
            ), counted AS MATERIALIZED (
                SELECT * FROM series, LATERAL (
                    SELECT coalesce(array_agg(name), '{{}}'), coalesce(array_agg(n), '{{}}') FROM (
                        SELECT name, count(*)::integer
                        FROM jsonb_array_elements(lists) AS list, jsonb_array_elements_text(list) AS name GROUP BY name
                    ) AS cell (name, n)
                ) AS l (label_names, label_counts)
            ){add("label_rollup")}
        END IF;

        IF has_inputs THEN
            INSERT INTO metrics.input_batch (minute, model_name, model_version, task_type, input_bins)
            SELECT the_minute, model_name, model_version, task_type, array_agg(input_bins)
            FROM inserted
            WHERE created_at >= the_minute AND created_at < the_minute + interval '1 minute'
                AND cardinality(input_bins) > 0
            GROUP BY model_name, model_version, task_type, cardinality(input_bins);
        END IF;
    END LOOP;
    RETURN NULL;
END $$;
"""


def fold(table: str) -> str:
    """The statement that adds rows of another writer to those of writer 0."""
    return f"""
        WITH gone AS (
            DELETE FROM metrics.{table} WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM metrics.{table}
                WHERE writer = other AND bucket + minutes * interval '1 minute' <= ended_before LIMIT at_most
            )) RETURNING *
        ), kept AS (
            INSERT INTO metrics.{table} AS known ({KEY}, {REST[table]})
            SELECT {KEY.replace("writer", "0")}, {REST[table]} FROM gone{ADDED[table]}
            RETURNING 1
        )
        SELECT folded + count(*) INTO folded FROM kept;"""


def others_in(table: str) -> str:
    """Selects the writers whose rows of a table can be folded."""
    return f"""
        SELECT writer FROM metrics.{table}
        WHERE writer > 0 AND bucket + minutes * interval '1 minute' <= ended_before"""


COMPACTION = f"""
-- As in 0008, for every table with writers: adds rows of other writers to those of writer 0, for buckets that ended
-- before `ended_before`; at most `at_most` rows per writer and table. Nobody waits for whoever folds.
CREATE OR REPLACE FUNCTION metrics.fold_writers(ended_before timestamptz, at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    other  smallint;
    folded bigint := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(470311828, 0) THEN
        RETURN 0;
    END IF;
    FOR other IN {" UNION ".join(map(others_in, REST))}
        ORDER BY writer
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(470311828, other);{"".join(map(fold, REST))}
    END LOOP;
    RETURN folded;
END $$;

-- Counts the bins of at most `at_most` statements and takes them out of input_batch; returns of how many. Whoever else
-- counts at the same time takes others.
CREATE FUNCTION metrics.count_inputs(at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (
        DELETE FROM metrics.input_batch WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM metrics.input_batch LIMIT at_most FOR UPDATE SKIP LOCKED
        )) RETURNING *, array_length(input_bins, 2) AS width
    ), cell AS (
        SELECT minutes, date_bin(minutes * interval '1 minute', minute, '2000-01-01Z') AS bucket,
            model_name, model_version, task_type, bin, sum(n)::integer AS n
        FROM (
            SELECT minute, model_name, model_version, task_type, bin, count(*) AS n FROM (
                SELECT minute, model_name, model_version, task_type, unnest(input_bins) + 1
                    + 65536 * (generate_series(0, cardinality(input_bins) - 1) % width) AS bin
                FROM gone
            ) AS one WHERE bin IS NOT NULL GROUP BY 1, 2, 3, 4, 5
        ) AS of_minute, unnest('{{1,60}}'::smallint[]) AS minutes GROUP BY 1, 2, 3, 4, 5, 6
    ), kept AS (
        INSERT INTO metrics.input_rollup AS known
        SELECT minutes, bucket, model_name, model_version, task_type, array_agg(bin), array_agg(n)
        FROM cell GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (minutes, bucket, model_name, model_version, task_type) DO UPDATE SET
            {merged("input_bins", "input_counts")}
    )
    SELECT count(*) FROM gone
$$;
REVOKE EXECUTE ON FUNCTION metrics.count_inputs(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metrics.count_inputs(integer) TO metrics_service;
"""


def upgrade() -> None:
    """Adds columns without a look at the rows, and empty tables; writers wait for an instant."""
    run_script(op.get_bind(), PREDICTIONS + BINS + ROLLUPS + ROLL_UP + COMPACTION)
