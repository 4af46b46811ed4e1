-- Read the events of a job itself up to a time (ms), from its last whole definition on, oldest first; times in ms.
SELECT partition, epoch, seq, prev, (extract(epoch FROM at) * 1000)::bigint AS at, document
FROM events
WHERE job_id = %(job_id)s::text
  AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
  AND at <= to_timestamp(%(at)s::bigint / 1000.0)
  AND (epoch, seq) >= (
      SELECT epoch, seq
      FROM events
      WHERE job_id = %(job_id)s::text
        AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
        AND type IN ('job.created', 'job.changed')
        AND at <= to_timestamp(%(at)s::bigint / 1000.0)
      ORDER BY epoch DESC, seq DESC
      LIMIT 1
  )
ORDER BY epoch, seq;
