-- The archive's tables of months that end by the moment (ms) before which events are not kept, oldest first.
SELECT inhrelid::regclass::text AS month, ends
FROM pg_inherits
CROSS JOIN LATERAL (
    SELECT (regexp_match(pg_get_expr(relpartbound, oid), 'TO \(''([^'']+)''\)'))[1]::timestamptz AS ends
    FROM pg_class
    WHERE pg_class.oid = inhrelid
) AS bound
WHERE inhparent = 'events'::regclass
  AND ends <= (SELECT before FROM forgotten WHERE what = 'events')
ORDER BY ends;
