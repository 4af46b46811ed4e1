-- The runs of a partition that had been requested up to a place and had not ended before a moment (ms), for the judge: as they
-- were then, with their jobs as they were when the runs were requested. Times in ms.
SELECT
    runs.run_id, runs.trigger, runs.partition, runs.requested_epoch, runs.requested_seq,
    (extract(epoch FROM runs.requested_at) * 1000)::bigint, runs.queue, runs.job_id, runs.labels::text,
    (extract(epoch FROM runs.nominal_at) * 1000)::bigint, last.number IS NOT NULL, coalesce(last.number, 0),
    (extract(epoch FROM CASE
        WHEN last.finished_at IS NULL OR last.finished_at >= to_timestamp(%(at)s::bigint / 1000.0) THEN last.started_at
    END) * 1000)::bigint,
    defined.partition, defined.epoch, defined.seq, defined.document
FROM runs
LEFT JOIN LATERAL (
    SELECT number, started_at, finished_at
    FROM attempts
    WHERE run_id = runs.run_id AND started_at < to_timestamp(%(at)s::bigint / 1000.0)
    ORDER BY number DESC
    LIMIT 1
) AS last ON true
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
WHERE runs.partition = %(partition)s::int
  AND (runs.requested_epoch, runs.requested_seq) <= (%(epoch)s::bigint, %(seq)s::bigint)
  AND (runs.finished_at IS NULL OR runs.finished_at >= to_timestamp(%(at)s::bigint / 1000.0));
