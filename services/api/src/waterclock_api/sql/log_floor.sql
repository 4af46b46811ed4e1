-- Read in which event (epoch, seq) the first line of a run's log stands that is not cleared; nothing where there is none.
-- Lines that are cleared may still be there for a while.
WITH cleared AS (
    SELECT clearings.epoch, clearings.seq
    FROM runs
    JOIN clearings USING (job_id)
    WHERE runs.run_id = %(run_id)s::text
    ORDER BY clearings.epoch DESC, clearings.seq DESC
    LIMIT 1
)
SELECT epoch, seq
FROM log_lines
WHERE run_id = %(run_id)s::text
  AND (epoch, seq) >= (coalesce((SELECT epoch FROM cleared), -1), coalesce((SELECT seq FROM cleared), -1))
ORDER BY epoch, seq, line
LIMIT 1;
