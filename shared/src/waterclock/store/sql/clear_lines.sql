-- Delete for good the log lines that a job's runs wrote before its logs were cleared.
DELETE FROM log_lines
USING jsonb_to_recordset(%(rows)s::jsonb) AS cleared (job_id text, epoch bigint, seq bigint)
WHERE log_lines.job_id = cleared.job_id
  AND (log_lines.epoch, log_lines.seq) < (cleared.epoch, cleared.seq);
