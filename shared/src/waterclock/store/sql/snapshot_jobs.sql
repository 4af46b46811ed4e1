-- Jobs as they are, for the judge: with the events that define them and that changed or enabled them last, and since when
-- they have had no success that was not a backfill's; of which only those of jobs that promise one are looked for. Times in ms.
SELECT
    jobs.job_id, jobs.version, jobs.definition::text,
    defined.partition, defined.epoch, defined.seq, changed.partition, changed.epoch, changed.seq,
    (extract(epoch FROM greatest(changed.at, succeeded.at)) * 1000)::bigint,
    jobs.partition, jobs.barred_epoch, jobs.barred_seq
FROM jobs
CROSS JOIN LATERAL (
    SELECT partition, epoch, seq
    FROM events
    WHERE job_id = jobs.job_id
      AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
      AND type IN ('job.created', 'job.changed')
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) AS defined
CROSS JOIN LATERAL (
    SELECT partition, epoch, seq, at
    FROM events
    WHERE job_id = jobs.job_id
      AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
      AND type IN ('job.created', 'job.changed', 'job.enabled')
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) AS changed
LEFT JOIN LATERAL (
    SELECT max(finished_at) AS at
    FROM runs
    WHERE job_id = jobs.job_id AND status = 'succeeded' AND trigger <> 'backfill'
      AND jobs.definition -> 'promise' ->> 'successWithin' IS NOT NULL
) AS succeeded ON true
WHERE jobs.deleted_at IS NULL AND jobs.partition = ANY (%(partitions)s::int[]);
