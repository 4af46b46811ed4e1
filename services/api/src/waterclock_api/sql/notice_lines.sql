-- Read the last lines of a run's log that are left, and not cleared, oldest first.
SELECT text
FROM (
    SELECT epoch, seq, line, text
    FROM log_lines
    WHERE run_id = %(run)s::text
      AND NOT coalesce((epoch, seq) < (
          SELECT clearings.epoch, clearings.seq
          FROM clearings
          WHERE clearings.job_id = log_lines.job_id
          ORDER BY clearings.epoch DESC, clearings.seq DESC
          LIMIT 1
      ), false)
    ORDER BY epoch DESC, seq DESC, line DESC
    LIMIT %(limit)s::int
) AS last_lines
ORDER BY epoch, seq, line;
