"""Predictions by day: partitions that are made ahead and dropped, without a writer noticing."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0004"
down_revision = "0003"

SCRIPT = """
-- The partition of a day, named after it.
CREATE FUNCTION predictions.day_table(day date) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT 'prediction_' || to_char(day, 'YYYYMMDD')
$$;

-- Makes the partition of a day (UTC) unless it is there. Rows of that day that the default partition already has move
-- along. Locks: writers of other days go on; writers of this very day, if there are any yet, wait a moment.
CREATE FUNCTION predictions.make_day(day date) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET lock_timeout = '2s' AS $$
DECLARE
    day_table text := predictions.day_table(day);
    first     timestamptz := day::timestamp AT TIME ZONE 'UTC';
    until     timestamptz := first + interval '24 hours';
BEGIN
    IF to_regclass('predictions.' || day_table) IS NOT NULL THEN
        RETURN false;
    END IF;
    LOCK TABLE predictions.prediction_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE predictions.%I (LIKE predictions.prediction INCLUDING ALL)', day_table);
    EXECUTE format(
        'WITH moved AS (
            DELETE FROM predictions.prediction_default WHERE created_at >= %L AND created_at < %L RETURNING *
        ) INSERT INTO predictions.%I SELECT * FROM moved', first, until, day_table);
    EXECUTE format(
        'ALTER TABLE predictions.prediction ATTACH PARTITION predictions.%I FOR VALUES FROM (%L) TO (%L)',
        day_table, first, until);
    RETURN true;
END $$;

-- The days before `cutoff` that still have a partition, oldest first.
CREATE FUNCTION predictions.days_before(cutoff date) RETURNS SETOF date LANGUAGE sql STABLE AS $$
    SELECT day FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    CROSS JOIN LATERAL (SELECT to_date(substring(relname FROM '^prediction_(\\d{8})$'), 'YYYYMMDD') AS day) AS named
    WHERE inhparent = 'predictions.prediction'::regclass AND day < cutoff ORDER BY day
$$;

-- Gives a day's space back. Only that day's partition is locked, and nobody writes there any more.
CREATE FUNCTION predictions.empty_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET lock_timeout = '2s' AS $$
BEGIN
    EXECUTE format('TRUNCATE predictions.%I', predictions.day_table(day));
END $$;

-- Removes a day's partition. That needs the lock that excludes everybody, so it is taken only if nobody holds the table
-- at this very moment (else error 55P03: try again later): nobody queues behind it, and it is held for an instant.
CREATE FUNCTION predictions.drop_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    LOCK TABLE predictions.prediction IN ACCESS EXCLUSIVE MODE NOWAIT;
    EXECUTE format('DROP TABLE predictions.%I', predictions.day_table(day));
END $$;

-- Rows from before `cutoff` that came so late that their day was gone.
CREATE FUNCTION predictions.empty_default(cutoff date) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (
        DELETE FROM predictions.prediction_default
        WHERE created_at < cutoff::timestamp AT TIME ZONE 'UTC' RETURNING 1
    ) SELECT count(*) FROM gone
$$;

REVOKE EXECUTE ON FUNCTION predictions.make_day(date), predictions.empty_day(date), predictions.drop_day(date),
    predictions.empty_default(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION predictions.make_day(date), predictions.empty_day(date), predictions.drop_day(date),
    predictions.empty_default(date) TO metrics_service;

-- The next days; the metrics-service goes on from here.
SELECT predictions.make_day((now() AT TIME ZONE 'UTC')::date + ahead) FROM generate_series(0, 3) AS ahead;
"""


def upgrade() -> None:
    """Makes partitions for the days to come; writers of today wait while today's rows move."""
    run_script(op.get_bind(), SCRIPT)
