-- As jobs.sql, newest first, before the place (after_at, after_id): an index is walked one way or the other. Times in
-- ms, empty arrays for no filter. Labels are given as objects, all of which must be contained, and as names.
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
WHERE jobs.deleted_at IS NULL
  AND (%(job_name)s::text IS NULL OR position(lower(%(job_name)s::text) IN lower(jobs.job_name)) > 0)
  AND (cardinality(%(job_groups)s::text[]) = 0 OR jobs.job_group = ANY (%(job_groups)s::text[]))
  AND (cardinality(%(statuses)s::text[]) = 0 OR jobs.status = ANY (%(statuses)s::text[]))
  AND (cardinality(%(invoke_targets)s::text[]) = 0 OR jobs.invoke_target = ANY (%(invoke_targets)s::text[]))
  AND (cardinality(%(queues)s::text[]) = 0 OR jobs.queue = ANY (%(queues)s::text[]))
  AND jobs.labels @> %(labels)s::jsonb
  AND jobs.labels ?& %(label_names)s::text[]
  AND (
      %(after_at)s::bigint IS NULL
      OR (jobs.created_at, jobs.job_id) < (to_timestamp(%(after_at)s::bigint / 1000.0), %(after_id)s::text)
  )
ORDER BY jobs.created_at DESC, jobs.job_id DESC
LIMIT %(limit)s::int;
