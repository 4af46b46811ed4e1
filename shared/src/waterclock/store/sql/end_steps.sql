-- Give steps that still run the fate of their attempt, which has ended.
UPDATE steps
SET status = ended.status,
    finished_at = ended.finished_at
FROM jsonb_to_recordset(%(rows)s::jsonb) AS ended (run_id text, attempt int, status text, finished_at timestamptz)
WHERE steps.run_id = ended.run_id
  AND steps.attempt = ended.attempt
  AND steps.status = 'running';
