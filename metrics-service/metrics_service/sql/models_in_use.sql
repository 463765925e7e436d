SELECT DISTINCT model_name FROM metrics.rollup WHERE minutes = {{hour}} AND bucket >= :since
