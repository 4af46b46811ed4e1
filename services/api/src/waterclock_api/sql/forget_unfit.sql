-- Forget what was found of some jobs.
DELETE FROM unfit_jobs WHERE job_id = ANY(%(job_ids)s::text[]);
