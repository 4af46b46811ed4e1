-- Read where a line of a run stands that has so many lines before it, from the beginning of its log (epoch, seq). An index
-- alone is read.
SELECT epoch, seq, line
FROM log_lines
WHERE run_id = %(run_id)s::text
  AND (epoch, seq, line) >= (%(epoch)s::bigint, %(seq)s::bigint, -1)
ORDER BY epoch, seq, line
OFFSET %(before)s::bigint
LIMIT 1;
