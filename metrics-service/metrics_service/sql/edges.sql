-- The ends of a selection, each with the minute that it lies in, and whether all predictions of that minute are in
-- it. That is so where the end of the window is now, as it mostly is: then the minute's rollup says it all. The two
-- looks into the index (ORDER BY: never a scan) see the same snapshot as the rest, so a prediction that comes later
-- makes nothing wrong, and one with a time in the future only makes the raw rows be read.
SELECT first, until, bucket, NOT EXISTS (
    SELECT FROM (
        SELECT * FROM predictions.prediction WHERE created_at >= bucket AND created_at < first
        ORDER BY created_at LIMIT 1
    ) AS before_it
) AND NOT EXISTS (
    SELECT FROM (
        SELECT * FROM predictions.prediction
        WHERE created_at >= until AND created_at < bucket + interval '1 minute'
        ORDER BY created_at LIMIT 1
    ) AS after_it
) AS is_whole
FROM unnest(:end_firsts, :end_untils) AS part (first, until), date_bin('1 minute', first, :epoch) AS bucket
