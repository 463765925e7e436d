"""What candidates say in the shadow: beside the record, day by day like it, and in no aggregate."""

from alembic import op

from shared.database.sql_script import run_script

revision = "0016"
down_revision = "0015"

TABLE = """
-- A row for each request that a candidate computed besides. No trigger: nothing here is counted anywhere.
CREATE TABLE predictions.shadow (
    prediction_id     uuid             NOT NULL,
    made_at           timestamptz      NOT NULL,
    model_name        text             NOT NULL,
    stable_version    text             NOT NULL,
    candidate_version text             NOT NULL,
    started_at        timestamptz      NOT NULL,
    task_type         text             NOT NULL,
    stable_label      text,
    stable_confidence double precision,
    stable_value      double precision,
    stable_time_ms    double precision NOT NULL,
    prediction_label  text,
    confidence        double precision,
    prediction_value  double precision,
    labels            text[],
    inference_time_ms double precision,
    error             text,
    agrees            boolean,
    distance          double precision,
    PRIMARY KEY (prediction_id, made_at)
) PARTITION BY RANGE (made_at);
COMMENT ON COLUMN predictions.shadow.prediction_id IS 'of the prediction that the stable version made';
COMMENT ON COLUMN predictions.shadow.made_at IS 'when that was made';
COMMENT ON COLUMN predictions.shadow.started_at IS 'of the rollout';
COMMENT ON COLUMN predictions.shadow.error IS 'why the candidate could not compute it; then there is nothing of it';
COMMENT ON COLUMN predictions.shadow.agrees IS 'whether labels or outputs are the same; null: the task has neither';
COMMENT ON COLUMN predictions.shadow.distance IS
    'of scores half the sum of differences, of labels 1 - Jaccard, of values the difference, of vectors 1 - cosine';
CREATE INDEX shadow_model_name_started_at_made_at_idx ON predictions.shadow (model_name, started_at, made_at);
CREATE TABLE predictions.shadow_default PARTITION OF predictions.shadow DEFAULT;
GRANT SELECT ON predictions.shadow TO metrics_service;
GRANT INSERT ON predictions.shadow TO prediction_service;
"""

DAYS = """
-- As in 0004, and the same for what candidates said on that day.
CREATE FUNCTION predictions.make_shadow_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' SET lock_timeout = '2s' AS $$
DECLARE
    day_table text := 'shadow_' || to_char(day, 'YYYYMMDD');
    first     timestamptz := day::timestamp AT TIME ZONE 'UTC';
    until     timestamptz := first + interval '24 hours';
BEGIN
    IF to_regclass('predictions.' || day_table) IS NOT NULL THEN
        RETURN;
    END IF;
    LOCK TABLE predictions.shadow_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format('CREATE TABLE predictions.%I (LIKE predictions.shadow INCLUDING ALL)', day_table);
    EXECUTE format(
        'WITH moved AS (
            DELETE FROM predictions.shadow_default WHERE made_at >= %L AND made_at < %L RETURNING *
        ) INSERT INTO predictions.%I SELECT * FROM moved', first, until, day_table);
    EXECUTE format(
        'ALTER TABLE predictions.shadow ATTACH PARTITION predictions.%I FOR VALUES FROM (%L) TO (%L)',
        day_table, first, until);
END $$;

-- The days before `cutoff` that still have one, oldest first.
CREATE FUNCTION predictions.shadow_days_before(cutoff date) RETURNS SETOF date LANGUAGE sql STABLE AS $$
    SELECT day FROM pg_inherits
    JOIN pg_class ON pg_class.oid = inhrelid
    CROSS JOIN LATERAL (SELECT to_date(substring(relname FROM '^shadow_(\\d{8})$'), 'YYYYMMDD') AS day) AS named
    WHERE inhparent = 'predictions.shadow'::regclass AND day < cutoff ORDER BY day
$$;

-- Nobody who reads is waited for (error 55P03: try again later); whoever writes loses nothing that is kept.
CREATE FUNCTION predictions.drop_shadow_day(day date) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = '' AS $$
BEGIN
    LOCK TABLE predictions.shadow IN ACCESS EXCLUSIVE MODE NOWAIT;
    EXECUTE format('DROP TABLE predictions.%I', 'shadow_' || to_char(day, 'YYYYMMDD'));
END $$;

CREATE FUNCTION predictions.empty_shadow_default(cutoff date) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = '' AS $$
    WITH gone AS (
        DELETE FROM predictions.shadow_default
        WHERE made_at < cutoff::timestamp AT TIME ZONE 'UTC' RETURNING 1
    ) SELECT count(*) FROM gone
$$;

REVOKE EXECUTE ON FUNCTION predictions.make_shadow_day(date), predictions.drop_shadow_day(date),
    predictions.empty_shadow_default(date) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION predictions.make_shadow_day(date), predictions.drop_shadow_day(date),
    predictions.empty_shadow_default(date) TO metrics_service;

SELECT predictions.make_shadow_day((now() AT TIME ZONE 'UTC')::date + ahead) FROM generate_series(0, 3) AS ahead;
"""


def upgrade() -> None:
    """Empty tables beside the others; nobody waits."""
    run_script(op.get_bind(), TABLE + DAYS)
