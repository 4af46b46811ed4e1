-- Read the newest log lines of a job's runs, newest first; times in ms.
SELECT
    partition, epoch, seq, line,
    (extract(epoch FROM at) * 1000)::bigint AS at,
    run_id, attempt, step, level, text
FROM log_lines
WHERE job_id = %(job_id)s::text
ORDER BY epoch DESC, seq DESC, line DESC
LIMIT %(limit)s::int;
