-- Read the event that had defined the job of a run when the run was requested; none, if that is not known.
SELECT defined.document
FROM runs
CROSS JOIN LATERAL (
    SELECT document
    FROM events
    WHERE job_id = runs.job_id
      AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
      AND type IN ('job.created', 'job.changed')
      AND (epoch, seq) < (runs.requested_epoch, runs.requested_seq)
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) AS defined
WHERE runs.run_id = %(run_id)s::text;
