WITH active AS (
    SELECT DISTINCT bucket FROM metrics.rollup
    WHERE minutes = {{minute}} AND model_name = :model_name AND bucket > :since AND bucket <= :now
), last AS (SELECT max(bucket) AS bucket FROM active)
SELECT last.bucket AS last_minute, count(*) AS active_minutes, min(active.bucket) AS first_minute
FROM last JOIN active ON active.bucket > last.bucket - :basis
GROUP BY last.bucket
