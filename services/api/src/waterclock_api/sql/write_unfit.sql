-- Write which jobs do not fit, and why.
INSERT INTO unfit_jobs (job_id, executor, target, version, params_digest, flaws)
SELECT job_id, executor, target, version, params_digest, flaws
FROM jsonb_populate_recordset(NULL::unfit_jobs, %(rows)s::jsonb)
ON CONFLICT (job_id) DO UPDATE SET
    executor = excluded.executor,
    target = excluded.target,
    version = excluded.version,
    params_digest = excluded.params_digest,
    flaws = excluded.flaws;
