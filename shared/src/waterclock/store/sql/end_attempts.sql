-- Give the attempts of runs that have not ended the fate of their run, and with it their steps that still run.
WITH ended AS (
    SELECT * FROM jsonb_to_recordset(%(rows)s::jsonb)
        AS ended (run_id text, outcome text, status text, finished_at timestamptz)
), of_steps AS (
    UPDATE steps
    SET status = ended.status,
        finished_at = ended.finished_at
    FROM ended
    WHERE steps.run_id = ended.run_id
      AND steps.status = 'running'
)
UPDATE attempts
SET outcome = ended.outcome,
    finished_at = ended.finished_at
FROM ended
WHERE attempts.run_id = ended.run_id
  AND attempts.finished_at IS NULL;
