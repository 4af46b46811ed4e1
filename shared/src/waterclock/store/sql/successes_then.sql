-- Read when some jobs had succeeded last before a moment, by runs that were no backfills; times in ms.
SELECT job_id, (extract(epoch FROM max(finished_at)) * 1000)::bigint
FROM runs
WHERE job_id = ANY (%(job_ids)s::text[])
  AND status = 'succeeded'
  AND trigger <> 'backfill'
  AND finished_at < to_timestamp(%(at)s::bigint / 1000.0)
GROUP BY job_id;
