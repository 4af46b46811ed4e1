-- Read which of some ids no job ever had.
SELECT wanted.job_id
FROM unnest(%(job_ids)s::text[]) AS wanted (job_id)
WHERE NOT EXISTS (SELECT FROM jobs WHERE jobs.job_id = wanted.job_id)
ORDER BY wanted.job_id;
