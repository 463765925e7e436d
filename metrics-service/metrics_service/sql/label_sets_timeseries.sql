WITH part AS MATERIALIZED (
    SELECT date_bin(:width * interval '1 minute', bucket, :epoch) AS start, label_rollup.*
    FROM metrics.label_rollup
    WHERE minutes = :minutes AND bucket >= :start AND bucket < :end
        AND {{chosen}}
), cell AS (
    SELECT start, name, sum(n)::bigint AS n
    FROM (SELECT start, unnest(label_names) AS name, unnest(label_counts) AS n FROM part) AS counted
    GROUP BY start, name
), counted AS (
    SELECT start, array_agg(name) AS names, array_agg(n) AS counts FROM cell GROUP BY start
)
SELECT start, sum(predictions)::bigint AS predictions, names, counts
FROM part LEFT JOIN counted USING (start)
GROUP BY start, names, counts
