WITH active AS (
    SELECT DISTINCT bucket FROM metrics.rollup
    WHERE minutes = {{minute}} AND model_name = :model_name AND bucket > :since AND bucket <= :last_minute
), pause AS (
    SELECT bucket - lag(bucket) OVER (ORDER BY bucket) - interval '1 minute' AS length FROM active
)
SELECT (SELECT min(bucket) FROM active) AS first_minute,
    ARRAY(SELECT length FROM pause WHERE length > interval '0' ORDER BY length DESC LIMIT :times) AS longest,
    EXISTS (
        SELECT FROM metrics.rollup
        WHERE minutes = {{hour}} AND model_name = :model_name
            AND bucket < :since - interval '1 hour' AND bucket > :since - interval '7 days'
    ) AS is_older
