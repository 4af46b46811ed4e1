-- Whose each fact is that has an owner: by its job, or its run where that has none; and in which partition it is said to live.
SELECT key, coalesce(job_id, run_id), partition FROM notice_facts WHERE job_id IS NOT NULL OR run_id IS NOT NULL;
