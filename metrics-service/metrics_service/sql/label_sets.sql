-- Which labels the predictions of a selection have that may have several, over `label_rollup`.
WITH edges AS MATERIALIZED ({{edges}}),
buckets AS MATERIALIZED ({{buckets}}),
ends AS ({{ends}}),
cell AS (
    SELECT name, sum(n)::bigint AS n FROM (
        SELECT unnest(label_names) AS name, unnest(label_counts) AS n FROM buckets
        UNION ALL
        SELECT unnest(labels), 1 FROM ends
    ) AS part GROUP BY name
)
SELECT (SELECT coalesce(sum(predictions), 0) FROM buckets)::bigint + (SELECT count(labels) FROM ends) AS predictions,
    (SELECT array_agg(name) FROM cell) AS names, (SELECT array_agg(n) FROM cell) AS counts
