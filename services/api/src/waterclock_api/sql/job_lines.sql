-- Read the newest log lines of a job's runs, newest first; times in ms. Those that are cleared may still be there for a while.
SELECT
    partition, epoch, seq, line,
    (extract(epoch FROM at) * 1000)::bigint AS at,
    run_id, attempt, step, level, text
FROM log_lines
WHERE job_id = %(job_id)s::text
  AND NOT coalesce((epoch, seq) < (
      SELECT clearings.epoch, clearings.seq
      FROM clearings
      WHERE clearings.job_id = %(job_id)s::text
      ORDER BY clearings.epoch DESC, clearings.seq DESC
      LIMIT 1
  ), false)
ORDER BY epoch DESC, seq DESC, line DESC
LIMIT %(limit)s::int;
