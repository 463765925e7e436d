WITH mark (over_at, begins_at) AS (
    SELECT :first, :first
    UNION ALL SELECT :until, :until
    UNION ALL SELECT DISTINCT bucket + interval '1 minute', bucket FROM metrics.rollup
    WHERE minutes = {{minute}} AND model_name = :model_name AND bucket >= :first AND bucket < :until
), pause AS (SELECT lead(begins_at) OVER (ORDER BY begins_at, over_at) - over_at AS length FROM mark)
SELECT coalesce(max(length) >= :until_now - :since_then, false) AND EXISTS (
    SELECT FROM metrics.rollup
    WHERE minutes = {{hour}} AND model_name = :model_name
        AND bucket < :since_then AND bucket >= :since_then - interval '1 day'
) FROM pause
