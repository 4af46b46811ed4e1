-- Count the lines of a run by attempt, by step, by level and by minute, from the beginning of its log (epoch, seq), after so
-- many that were cleared: where each part begins and ends, its worst level, and how long a minute is, ms: so that there are at
-- most so many. The few come first.
WITH numbered AS MATERIALIZED (
    SELECT
        attempt, step, array_position(ARRAY['debug', 'info', 'warning', 'error'], level) AS level,
        (extract(epoch FROM at) * 1000)::bigint AS at,
        %(cleared)s::bigint + row_number() OVER (ORDER BY epoch, seq, line) AS number
    FROM log_lines
    WHERE run_id = %(run_id)s::text
      AND (epoch, seq, line) >= (%(epoch)s::bigint, %(seq)s::bigint, -1)
), width AS (
    SELECT greatest(1, ceil((max(at) - min(at)) / (60000.0 * (%(minutes)s::int - 1))))::bigint * 60000 AS ms FROM numbered
)
SELECT
    grouping(attempt, step, level, minute) AS kind, attempt, step, level, minute,
    count(*) AS lines, min(number) AS first, max(number) AS last, max(worst) AS worst, max(ms) AS ms
FROM (SELECT attempt, step, level, level AS worst, at / ms * ms AS minute, number, ms FROM numbered, width) AS placed
GROUP BY GROUPING SETS ((level), (minute), (attempt), (attempt, step))
ORDER BY kind DESC, attempt, minute, level, min(number)
LIMIT %(limit)s::int;
