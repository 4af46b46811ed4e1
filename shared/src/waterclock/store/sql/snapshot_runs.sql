-- Unfinished runs, for the judge: with their jobs as they were when the runs were requested. Times in ms.
SELECT
    runs.run_id, runs.trigger, runs.partition, runs.requested_epoch, runs.requested_seq,
    (extract(epoch FROM runs.requested_at) * 1000)::bigint, runs.queue, runs.job_id, runs.labels::text,
    (extract(epoch FROM runs.nominal_at) * 1000)::bigint, runs.started_at IS NOT NULL, runs.attempt,
    (extract(epoch FROM running.started_at) * 1000)::bigint,
    defined.partition, defined.epoch, defined.seq, defined.document
FROM runs
LEFT JOIN LATERAL (
    SELECT started_at FROM attempts WHERE run_id = runs.run_id AND number = runs.attempt AND finished_at IS NULL
) AS running ON true
LEFT JOIN LATERAL (
    SELECT partition, epoch, seq, document
    FROM events
    WHERE job_id = runs.job_id
      AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
      AND type IN ('job.created', 'job.changed')
      AND (epoch, seq) < (runs.requested_epoch, runs.requested_seq)
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) AS defined ON true
WHERE runs.finished_at IS NULL AND runs.partition = ANY (%(partitions)s::int[]);
