"""A statement's predictions are put down in one row per series, and counted into the rollups afterwards."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0033"
down_revision = "0032"

TABLES = ("rollup", "value_rollup", "label_rollup")
WIDTHS = (1, 10, 60, 360, 1440)

KEY = "minutes, bucket, writer, model_name, model_version, task_type"

REST = {
    "rollup": "prediction_label, predictions, without_confidence, confidence_sum, time_sum, time_min, time_max, "
    "time_bins, time_counts, shape_bins, shape_counts",
    "value_rollup": "predictions, value_sum, value_min, value_max, value_bins, value_counts",
    "label_rollup": "predictions, label_names, label_counts",
}
"""Of each table, the columns beside KEY."""


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


ADDED = {
    "rollup": f"""ON CONFLICT ({KEY}, prediction_label) DO UPDATE SET
        predictions = known.predictions + excluded.predictions,
        without_confidence = known.without_confidence + excluded.without_confidence,
        confidence_sum = known.confidence_sum + excluded.confidence_sum,
        time_sum = known.time_sum + excluded.time_sum,
        time_min = least(known.time_min, excluded.time_min),
        time_max = greatest(known.time_max, excluded.time_max),
        {merged("time_bins", "time_counts")},
        {merged("shape_bins", "shape_counts")}""",
    "value_rollup": f"""ON CONFLICT ({KEY}) DO UPDATE SET
        predictions = known.predictions + excluded.predictions,
        value_sum = known.value_sum + excluded.value_sum,
        value_min = least(known.value_min, excluded.value_min),
        value_max = greatest(known.value_max, excluded.value_max),
        {merged("value_bins", "value_counts")}""",
    "label_rollup": f"""ON CONFLICT ({KEY}) DO UPDATE SET
        predictions = known.predictions + excluded.predictions,
        {merged("label_names", "label_counts")}""",
}
"""Of each table, how a row is added to the one that is there."""

LOCKS = """
-- As in 0011: nobody queues behind this for longer than it waits itself. Without a writer no trigger is at work, and a
-- trigger is dropped below: that needs a table without readers, too.
DO $$
BEGIN
    SET LOCAL lock_timeout = '500ms';
    FOR attempt IN 1 .. 60 LOOP
        BEGIN
            LOCK TABLE predictions.prediction, metrics.rollup, metrics.value_rollup, metrics.label_rollup
                IN ACCESS EXCLUSIVE MODE;
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
"""


def fold(table: str) -> str:
    """Adds the rows of all writers but 0 to those of writer 0: there are no others from now on."""
    return f"""
    FOR other IN SELECT DISTINCT writer FROM metrics.{table} WHERE writer > 0 LOOP
        WITH gone AS (DELETE FROM metrics.{table} WHERE writer = other RETURNING *)
        INSERT INTO metrics.{table} AS known ({KEY}, {REST[table]})
        SELECT {KEY.replace("writer", "0")}, {REST[table]} FROM gone
        {ADDED[table]};
    END LOOP;"""


FOLDED = f"""
DO $$
DECLARE
    other smallint;
BEGIN{"".join(map(fold, TABLES))}
END $$;
"""

BATCH = """
-- A row for each series of a statement. Writers only add rows: they wait for nobody, and what a statement costs does
-- not depend on how much there is. Of values and sets of labels there is nothing where no prediction has them.
CREATE TABLE metrics.prediction_batch (
    minute             timestamptz      NOT NULL,
    model_name         text             NOT NULL,
    model_version      text             NOT NULL,
    task_type          text             NOT NULL,
    prediction_label   text             NOT NULL,
    predictions        bigint           NOT NULL,
    without_confidence bigint           NOT NULL,
    confidence_sum     double precision NOT NULL,
    time_sum           double precision NOT NULL,
    time_min           double precision NOT NULL,
    time_max           double precision NOT NULL,
    time_bins          integer[]        NOT NULL,
    shape_bins         integer[]        NOT NULL,
    value_sum          double precision,
    value_min          double precision,
    value_max          double precision,
    value_bins         integer[],
    label_lists        jsonb
);
ALTER TABLE metrics.prediction_batch -- to compress them costs more than it saves
    ALTER COLUMN time_bins SET STORAGE EXTERNAL, ALTER COLUMN shape_bins SET STORAGE EXTERNAL,
    ALTER COLUMN value_bins SET STORAGE EXTERNAL;
COMMENT ON TABLE metrics.prediction_batch IS 'what a statement has written, until it is counted in the rollups';
COMMENT ON COLUMN metrics.prediction_batch.time_bins IS 'one per prediction';
COMMENT ON COLUMN metrics.prediction_batch.shape_bins IS 'one of its length per prediction, one per confidence';
COMMENT ON COLUMN metrics.prediction_batch.value_bins IS 'one per value';
COMMENT ON COLUMN metrics.prediction_batch.label_lists IS 'one per prediction whose labels are known';
"""

COUNTED = "".join(
    f"""
ALTER TABLE metrics.{table} RENAME TO {table}_counted;
DROP INDEX metrics.{table}_to_fold_idx;
COMMENT ON COLUMN metrics.{table}_counted.writer IS '0; writers at the same time had different numbers once';"""
    for table in TABLES
)

COLUMNS = {
    "rollup": f"{KEY}, prediction_label, predictions, confidence_sum, time_sum, time_min, time_max, "
    "time_bins, time_counts, shape_bins, shape_counts, without_confidence",
    "value_rollup": f"{KEY}, {REST['value_rollup']}",
    "label_rollup": f"{KEY}, {REST['label_rollup']}",
}
"""Of each table, in its order."""

WIDTH = ", ".join(f"({width}::smallint, interval '{width} minutes')" for width in WIDTHS)


def view(table: str) -> str:
    """The view of what is counted and what is not."""
    wider = COLUMNS[table].removeprefix("minutes, bucket, ")
    return f"""
CREATE VIEW metrics.{table} AS
SELECT {COLUMNS[table]} FROM metrics.{table}_counted
UNION ALL
SELECT width.minutes, date_bin(stride, bucket, '2000-01-01Z'), {wider}
FROM metrics.{table}_uncounted CROSS JOIN (VALUES {WIDTH}) AS width (minutes, stride);
GRANT SELECT ON metrics.{table}_uncounted TO metrics_service;
"""


VIEWS = f"""
-- What is not counted yet, as rows of the minutes that it is of; a bin may be there several times.
CREATE VIEW metrics.rollup_uncounted AS
SELECT 1::smallint AS minutes, minute AS bucket, 0::smallint AS writer, model_name, model_version, task_type,
    prediction_label, predictions, confidence_sum, time_sum, time_min, time_max,
    time_bins, array_fill(1, ARRAY[cardinality(time_bins)]) AS time_counts,
    shape_bins, array_fill(1, ARRAY[cardinality(shape_bins)]) AS shape_counts, without_confidence
FROM metrics.prediction_batch;

CREATE VIEW metrics.value_rollup_uncounted AS
SELECT 1::smallint AS minutes, minute AS bucket, 0::smallint AS writer, model_name, model_version, task_type,
    cardinality(value_bins)::bigint AS predictions, value_sum, value_min, value_max,
    value_bins, array_fill(1, ARRAY[cardinality(value_bins)]) AS value_counts
FROM metrics.prediction_batch WHERE value_bins IS NOT NULL;

CREATE VIEW metrics.label_rollup_uncounted AS
SELECT 1::smallint AS minutes, minute AS bucket, 0::smallint AS writer, model_name, model_version, task_type,
    jsonb_array_length(label_lists)::bigint AS predictions,
    label_names, array_fill(1, ARRAY[cardinality(label_names)]) AS label_counts
FROM metrics.prediction_batch CROSS JOIN LATERAL (
    SELECT ARRAY(SELECT jsonb_array_elements_text(list) FROM jsonb_array_elements(label_lists) AS list) AS label_names
) AS named
WHERE label_lists IS NOT NULL;

-- What is counted and what is not, in one snapshot: every number is right before and after.
{"".join(map(view, TABLES))}
-- The release before this one deletes old rollups by these names.
CREATE FUNCTION metrics.delete_counted() RETURNS trigger LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
    EXECUTE format(
        'DELETE FROM metrics.%I WHERE ({KEY}) = ($1.minutes, $1.bucket, $1.writer, $1.model_name, $1.model_version,
            $1.task_type)' || CASE TG_TABLE_NAME WHEN 'rollup' THEN ' AND prediction_label = $1.prediction_label'
            ELSE '' END, TG_TABLE_NAME || '_counted') USING OLD;
    RETURN OLD;
END $$;
""" + "".join(
    f"""
CREATE TRIGGER delete_counted INSTEAD OF DELETE ON metrics.{table}
    FOR EACH ROW EXECUTE FUNCTION metrics.delete_counted();
GRANT SELECT, DELETE ON metrics.{table} TO metrics_service;"""
    for table in TABLES
)

ROLL_UP = """
-- Of one statement: predictions, the bins of their inputs, and what they are to their keys.
CREATE OR REPLACE FUNCTION metrics.roll_up() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    has_inputs boolean;
    has_keys   boolean;
BEGIN
    INSERT INTO metrics.prediction_batch
    SELECT date_bin('1 minute', created_at, '2000-01-01Z'), model_name, model_version, task_type,
        coalesce(prediction_label, ''), count(*), count(*) - count(confidence), coalesce(sum(confidence), 0),
        sum(inference_time_ms), min(inference_time_ms), max(inference_time_ms),
        array_agg(metrics.time_bin(inference_time_ms)),
        array_agg(metrics.confidence_bin(confidence)) FILTER (WHERE confidence IS NOT NULL)
            || array_agg(metrics.length_bin(input_length)),
        sum(prediction_value), min(prediction_value), max(prediction_value),
        array_agg(metrics.value_bin(prediction_value)) FILTER (WHERE prediction_value IS NOT NULL),
        jsonb_agg(to_jsonb(labels)) FILTER (WHERE labels IS NOT NULL)
    FROM inserted GROUP BY 1, 2, 3, 4, 5;

    SELECT bool_or(input_bins IS NOT NULL), bool_or(key_id IS NOT NULL) INTO has_inputs, has_keys FROM inserted;
    IF has_inputs THEN
        INSERT INTO metrics.input_batch (minute, model_name, model_version, task_type, input_bins)
        SELECT date_bin('1 minute', created_at, '2000-01-01Z'), model_name, model_version, task_type,
            array_agg(input_bins)
        FROM inserted WHERE cardinality(input_bins) > 0 GROUP BY 1, 2, 3, 4, cardinality(input_bins);
    END IF;
    IF has_keys THEN
        INSERT INTO metrics.key_batch
        SELECT date_bin('1 hour', created_at, '2000-01-01Z'), key_id, model_name, model_version, count(*),
            count(*) - count(confidence), coalesce(sum(confidence), 0), sum(inference_time_ms)
        FROM inserted WHERE key_id IS NOT NULL GROUP BY 1, 2, 3, 4;
    END IF;
    RETURN NULL;
END $$;
DROP TRIGGER roll_up_keys ON predictions.prediction;
DROP FUNCTION metrics.roll_up_keys();
"""


def kept(table: str, source: str) -> str:
    """The statement that adds the rows of `source` to every width of a table's buckets."""
    return f"""
            INSERT INTO metrics.{table}_counted AS known ({KEY}, {REST[table]})
            SELECT minutes, date_bin(minutes * interval '1 minute', the_minute, '2000-01-01Z'), 0,
                model_name, model_version, task_type, {REST[table]}
            FROM ({source}) AS counted, unnest('{{{",".join(map(str, WIDTHS))}}}'::smallint[]) AS minutes
            {ADDED[table]}"""


def histogram(bins: str, counts: str) -> str:
    """How often there is each of the bins of a series' rows."""
    return f"""
                SELECT series, array_agg(bin) AS {bins}, array_agg(n) AS {counts} FROM (
                    SELECT series, bin, count(*)::integer AS n
                    FROM (SELECT series, unnest({bins}) AS bin FROM numbered) AS one GROUP BY series, bin
                ) AS cell GROUP BY series"""


PREDICTIONS = f"""
                SELECT * FROM (
                    SELECT series, model_name, model_version, task_type, prediction_label,
                        sum(predictions) AS predictions, sum(without_confidence) AS without_confidence,
                        sum(confidence_sum) AS confidence_sum, sum(time_sum) AS time_sum,
                        min(time_min) AS time_min, max(time_max) AS time_max
                    FROM numbered GROUP BY series, model_name, model_version, task_type, prediction_label
                ) AS series
                JOIN ({histogram("time_bins", "time_counts")}
                ) AS times USING (series)
                JOIN ({histogram("shape_bins", "shape_counts")}
                ) AS shapes USING (series)
            """

VALUES = """
                SELECT * FROM (
                    SELECT model_name, model_version, task_type, sum(cardinality(value_bins)) AS predictions,
                        sum(value_sum) AS value_sum, min(value_min) AS value_min, max(value_max) AS value_max
                    FROM numbered WHERE value_bins IS NOT NULL GROUP BY model_name, model_version, task_type
                ) AS series
                JOIN (
                    SELECT model_name, model_version, task_type, array_agg(bin) AS value_bins,
                        array_agg(n) AS value_counts
                    FROM (
                        SELECT model_name, model_version, task_type, bin, count(*)::integer AS n
                        FROM numbered, unnest(value_bins) AS bin GROUP BY model_name, model_version, task_type, bin
                    ) AS cell GROUP BY model_name, model_version, task_type
                ) AS bins USING (model_name, model_version, task_type)
            """

LABELS = """
                SELECT * FROM (
                    SELECT model_name, model_version, task_type, jsonb_agg(list) AS lists, count(*) AS predictions
                    FROM numbered, jsonb_array_elements(label_lists) AS list
                    GROUP BY model_name, model_version, task_type
                ) AS series, LATERAL (
                    SELECT coalesce(array_agg(name), '{}'), coalesce(array_agg(n), '{}') FROM (
                        SELECT name, count(*)::integer
                        FROM jsonb_array_elements(lists) AS list, jsonb_array_elements_text(list) AS name GROUP BY name
                    ) AS cell (name, n)
                ) AS names (label_names, label_counts)
            """

COUNT = f"""
-- Counts at most `at_most` rows of prediction_batch, of a few minutes, and returns how many it took. They are looked
-- for once: to look for those of each minute, where much has piled up, would be to read all of it for each. One counts
-- at a time, and whoever comes meanwhile counts nothing: so nobody waits for it, and no two wait for each other.
CREATE FUNCTION metrics.count_predictions(at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    the_next   tid[];
    the_minute timestamptz;
    taken      bigint;
    counted    bigint := 0;
BEGIN
    IF NOT pg_try_advisory_xact_lock(470311828, 0) THEN
        RETURN 0;
    END IF;
    the_next := ARRAY(SELECT ctid FROM metrics.prediction_batch LIMIT at_most);
    FOR the_minute IN SELECT DISTINCT minute FROM metrics.prediction_batch WHERE ctid = ANY (the_next) LIMIT 20 LOOP
        WITH gone AS (
            DELETE FROM metrics.prediction_batch WHERE ctid = ANY (the_next) AND minute = the_minute RETURNING *
        ), numbered AS MATERIALIZED (
            SELECT *, dense_rank() OVER (
                ORDER BY model_name, model_version, task_type, prediction_label
            )::integer AS series FROM gone
        ), predictions AS ({kept("rollup", PREDICTIONS)}
        ), with_values AS ({kept("value_rollup", VALUES)}
        ), with_labels AS ({kept("label_rollup", LABELS)}
        )
        SELECT count(*) INTO taken FROM gone;
        counted := counted + taken;
    END LOOP;
    RETURN counted;
END $$;
REVOKE EXECUTE ON FUNCTION metrics.count_predictions(integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metrics.count_predictions(integer) TO metrics_service;

-- What the release before this one calls: while it leads, it counts. The number that it gives is of buckets, each with
-- what many statements wrote.
CREATE OR REPLACE FUNCTION metrics.fold_writers(ended_before timestamptz, at_most integer) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    SELECT metrics.count_predictions(5 * at_most)
$$;
"""


def upgrade() -> None:
    """Renames tables and adds the few rows of further writers up; writers and readers wait for an instant."""
    run_script(op.get_bind(), LOCKS + FOLDED + BATCH + COUNTED + VIEWS + ROLL_UP + COUNT)
