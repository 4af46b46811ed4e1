-- The archive's tables of months that end by the moment (ms) before which events are not kept, oldest first. One that holds what a
-- notifier has yet to judge is none of them, unless that is more than seven days old.
WITH unjudged AS (
    SELECT judged.partition, judged.epoch, judged.seq
    FROM notifier_positions AS judged
    CROSS JOIN LATERAL (
        SELECT at
        FROM events
        WHERE events.partition = judged.partition AND (events.epoch, events.seq) >= (judged.epoch, judged.seq + 1)
        ORDER BY epoch, seq
        LIMIT 1
    ) AS next
    WHERE next.at > clock_timestamp() - interval '7 days'
)
SELECT inhrelid::regclass::text AS month, ends
FROM pg_inherits
CROSS JOIN LATERAL (
    SELECT bound[1]::timestamptz AS begins, bound[2]::timestamptz AS ends
    FROM pg_class
    CROSS JOIN regexp_match(pg_get_expr(relpartbound, oid), 'FROM \(''([^'']+)''\) TO \(''([^'']+)''\)') AS bound
    WHERE pg_class.oid = inhrelid
) AS bounds
WHERE inhparent = 'events'::regclass
  AND ends <= (SELECT before FROM forgotten WHERE what = 'events')
  AND NOT EXISTS (
      SELECT FROM unjudged
      JOIN events ON events.partition = unjudged.partition AND (events.epoch, events.seq) >= (unjudged.epoch, unjudged.seq + 1)
      WHERE events.at >= begins AND events.at < ends
  )
ORDER BY ends;
