-- Read through when some jobs are decided, ms, deleted ones too.
SELECT job_id, (extract(epoch FROM coalesce(mark, created_at)) * 1000)::bigint AS mark
FROM jobs
WHERE job_id = ANY (%(job_ids)s::text[]);
