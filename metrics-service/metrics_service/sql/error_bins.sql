-- How far values were from what they should have been by judgements with the admin token, per logarithmic bin.
SELECT metrics.value_bin(abs(prediction_value - actual_value)) AS bin, count(*) AS n
FROM metrics.feedback
WHERE predicted_at >= :start AND predicted_at < :end AND {{chosen}} AND actual_value IS NOT NULL AND is_trusted
GROUP BY 1
