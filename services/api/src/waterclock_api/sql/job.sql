-- Read one job that is not deleted, with its last run and what of its parameters does not fit; times in ms.
SELECT
    jobs.job_id, jobs.version, jobs.definition,
    (extract(epoch FROM jobs.created_at) * 1000)::bigint AS created_at,
    (extract(epoch FROM jobs.updated_at) * 1000)::bigint AS updated_at,
    EXISTS (
        SELECT FROM runs WHERE runs.job_id = jobs.job_id AND runs.finished_at IS NULL AND runs.status = 'running'
    ) AS is_running,
    coalesce((extract(epoch FROM jobs.mark) * 1000)::bigint, 0) AS mark,
    (
        SELECT found.flaws FROM unfit_jobs AS found
        WHERE found.job_id = jobs.job_id
          AND found.target = jobs.invoke_target
          AND (found.version = jobs.version OR found.params_digest = params_digest_of(jobs.definition))
    ) AS flaws,
    (extract(epoch FROM greatest(  -- what retention has forgotten counts; and what an earlier release projects just now
        (SELECT ends.last_success_at FROM job_ends AS ends WHERE ends.job_id = jobs.job_id),
        CASE WHEN last.status = 'succeeded' THEN last.finished_at END
    )) * 1000)::bigint AS last_success_at,
    last.run_id,
    CASE WHEN last.status IN ('delayed', 'waiting') THEN standing_of(last, to_timestamp(%(now)s::bigint / 1000.0)) ELSE last.status END,
    last.trigger,
    (extract(epoch FROM last.nominal_at) * 1000)::bigint AS nominal_at,
    (extract(epoch FROM last.requested_at) * 1000)::bigint AS requested_at,
    (extract(epoch FROM last.started_at) * 1000)::bigint AS started_at,
    (extract(epoch FROM last.finished_at) * 1000)::bigint AS finished_at
FROM jobs
LEFT JOIN runs AS last ON last.run_id = jobs.last_run_id
WHERE jobs.job_id = %(job_id)s::text AND jobs.deleted_at IS NULL;
