-- The rollup rows of the whole buckets of a selection, and what is not counted in them yet, which is in one of them.
-- OFFSET 0: a look into the index per part, never a full scan.
SELECT rollup.*
FROM ({{parts}}) AS part
CROSS JOIN LATERAL (
    SELECT * FROM metrics.{{rollup}}_counted AS rollup
    WHERE rollup.minutes = part.minutes AND bucket >= part.first AND bucket < part.until OFFSET 0
) AS rollup
WHERE {{chosen}}
UNION ALL
SELECT rollup.*
FROM ({{parts}}) AS part
JOIN metrics.{{rollup}}_uncounted AS rollup ON bucket >= part.first AND bucket < part.until
WHERE {{chosen}}
