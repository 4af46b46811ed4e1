-- Read the events of a job itself up to a time (ms), from its last whole definition on, oldest first; times in ms. What stands
-- before an event that had happened had happened, too, whatever a clock said that was set back later.
WITH last AS (
    SELECT epoch, seq
    FROM events
    WHERE job_id = %(job_id)s::text
      AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
      AND at <= to_timestamp(%(at)s::bigint / 1000.0)
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
)
SELECT events.partition, events.epoch, events.seq, prev, (extract(epoch FROM at) * 1000)::bigint AS at, document
FROM events, last
WHERE job_id = %(job_id)s::text
  AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
  AND (events.epoch, events.seq) <= (last.epoch, last.seq)
  AND (events.epoch, events.seq) >= (
      SELECT whole.epoch, whole.seq
      FROM events AS whole
      WHERE whole.job_id = %(job_id)s::text
        AND whole.type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
        AND whole.type IN ('job.created', 'job.changed')
        AND (whole.epoch, whole.seq) <= (SELECT epoch, seq FROM last)
      ORDER BY whole.epoch DESC, whole.seq DESC
      LIMIT 1
  )
ORDER BY events.epoch, events.seq;
