-- Read the events of some jobs themselves up to a place, of each job oldest first; times in ms.
SELECT job_id, partition, epoch, seq, (extract(epoch FROM at) * 1000)::bigint, document
FROM events
WHERE job_id = ANY (%(job_ids)s::text[])
  AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
  AND (epoch, seq) <= (%(epoch)s::bigint, %(seq)s::bigint)
ORDER BY job_id, epoch, seq;
