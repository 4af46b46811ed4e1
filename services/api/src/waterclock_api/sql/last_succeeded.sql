-- Read when some jobs succeeded last, ms; retention forgets the run, and not this.
SELECT job_id, (extract(epoch FROM last_success_at) * 1000)::bigint AS succeeded_at
FROM job_ends
WHERE job_id = ANY(%(job_ids)s::text[]) AND last_success_at IS NOT NULL;
