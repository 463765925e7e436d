SELECT date_bin(:width * interval '1 minute', bucket, :epoch) AS start, is_trusted, sum(judged)::bigint AS judged,
    (sum(error_sum) / sum(judged))::double precision AS mae, sqrt(sum(square_sum) / sum(judged))::double precision AS rmse
FROM metrics.error_rollup
WHERE minutes = :minutes AND bucket >= :start AND bucket < :end AND {{chosen}}
GROUP BY GROUPING SETS ((1), (1, 2)) HAVING sum(judged) > 0
