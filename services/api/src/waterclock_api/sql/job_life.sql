-- Read when a job was created and, if it was, deleted; times in ms.
SELECT (extract(epoch FROM created_at) * 1000)::bigint, (extract(epoch FROM deleted_at) * 1000)::bigint
FROM jobs
WHERE job_id = %(job_id)s::text;
