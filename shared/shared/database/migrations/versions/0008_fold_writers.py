"""Rollup rows of several writers become one once their bucket is over: less to keep, less to read."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0008"
down_revision = "0007"

SCRIPT = """
CREATE INDEX rollup_to_fold_idx ON metrics.rollup (writer, bucket) WHERE writer > 0;

-- Adds rows of other writers to those of writer 0, for buckets that ended before `ended_before`; at most `at_most` rows
-- per writer. Whoever folds is a writer itself: it takes number 0 and the other's as `metrics.roll_up` does, only if
-- they are free, so nobody waits for it and it waits for nobody. Returns how many rows it folded; 0 may mean: not now.
CREATE FUNCTION metrics.fold_writers(ended_before timestamptz, at_most integer) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
DECLARE
    other  smallint;
    folded bigint := 0;
    part   bigint;
BEGIN
    IF NOT pg_try_advisory_xact_lock(470311828, 0) THEN
        RETURN 0;
    END IF;
    FOR other IN
        SELECT DISTINCT writer FROM metrics.rollup
        WHERE writer > 0 AND bucket + minutes * interval '1 minute' <= ended_before ORDER BY writer
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(470311828, other);
        WITH gone AS (
            DELETE FROM metrics.rollup WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM metrics.rollup
                WHERE writer = other AND bucket + minutes * interval '1 minute' <= ended_before LIMIT at_most
            )) RETURNING *
        ), kept AS (
            INSERT INTO metrics.rollup AS known
            SELECT minutes, bucket, 0, model_name, model_version, task_type, prediction_label,
                predictions, confidence_sum, time_sum, time_min, time_max,
                time_bins, time_counts, shape_bins, shape_counts
            FROM gone
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
                )
            RETURNING 1
        )
        SELECT count(*) INTO part FROM kept;
        folded := folded + part;
    END LOOP;
    RETURN folded;
END $$;
REVOKE EXECUTE ON FUNCTION metrics.fold_writers(timestamptz, integer) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION metrics.fold_writers(timestamptz, integer) TO metrics_service;
"""


def upgrade() -> None:
    """Builds an index over the few rows of further writers; writers wait for that."""
    run_script(op.get_bind(), SCRIPT)
