-- Read a page of a run's log lines, oldest first, after the place (epoch, seq, line); times in ms.
SELECT
    partition, epoch, seq, line,
    (extract(epoch FROM at) * 1000)::bigint AS at,
    run_id, attempt, step, level, text
FROM log_lines
WHERE run_id = %(run_id)s::text
  AND (epoch, seq, line) > (%(epoch)s::bigint, %(seq)s::bigint, %(line)s::int)
ORDER BY epoch, seq, line
LIMIT %(limit)s::int;
