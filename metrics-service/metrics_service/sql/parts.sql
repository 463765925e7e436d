-- The stretches of whole buckets that a selection is put together from.
SELECT * FROM unnest(:minutes, :firsts, :untils) AS part (minutes, first, until)
UNION ALL SELECT {{minute}}::smallint, bucket, bucket + interval '1 minute' FROM edges WHERE is_whole
