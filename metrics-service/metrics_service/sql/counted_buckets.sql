-- The rollup rows of the whole buckets of a selection, where there are no others than the counted ones. OFFSET 0: a look
-- into the index per part, never a full scan.
SELECT rollup.*
FROM ({{parts}}) AS part
CROSS JOIN LATERAL (
    SELECT * FROM metrics.{{rollup}} AS rollup
    WHERE rollup.minutes = part.minutes AND bucket >= part.first AND bucket < part.until OFFSET 0
) AS rollup
WHERE {{chosen}}
