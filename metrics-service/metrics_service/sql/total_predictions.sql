SELECT coalesce(sum(predictions), 0)::bigint FROM metrics.rollup WHERE minutes = {{day}}
