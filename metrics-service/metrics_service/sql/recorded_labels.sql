SELECT model_name, array_agg(DISTINCT prediction_label) AS labels
FROM metrics.rollup WHERE minutes = {{day}} AND model_name = ANY (:names) AND prediction_label <> ''
GROUP BY model_name
