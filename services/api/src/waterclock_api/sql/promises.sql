-- Read a page of jobs that promise something, oldest first, after the place (after_at, after_id), with what notifiers know:
-- what is broken now, and what has to happen next. `rule`: the one by whose breaks that is known; `trouble_of`, `job_of`: how
-- the keys of a job's facts begin. Times in ms, empty arrays for no filter.
SELECT
    jobs.job_id, (extract(epoch FROM jobs.created_at) * 1000)::bigint, jobs.job_group, jobs.job_name,
    jobs.definition::text, coalesce((extract(epoch FROM jobs.mark) * 1000)::bigint, 0),
    standing.state, trouble.document, open.document
FROM jobs
LEFT JOIN notice_facts AS watched ON watched.key = %(job_of)s::text || jobs.job_id
LEFT JOIN notice_facts AS trouble ON trouble.key = %(trouble_of)s::text || jobs.job_id
LEFT JOIN LATERAL (
    SELECT document
    FROM notice_facts
    WHERE notice_facts.job_id = jobs.job_id
      AND notice_facts.due_at IS NOT NULL
      AND notice_facts.key <> %(trouble_of)s::text || jobs.job_id
    ORDER BY due_at
    LIMIT 1
) AS open ON true
CROSS JOIN LATERAL (
    SELECT CASE
        WHEN watched.key IS NULL THEN 'unjudged'
        WHEN convert_from(trouble.document, 'UTF8')::jsonb -> 'breaks'
            @> jsonb_build_array(jsonb_build_object('rule', %(rule)s::text)) THEN 'broken'
        WHEN open.document IS NOT NULL THEN 'open'
        ELSE 'kept'
    END AS state
) AS standing
WHERE jobs.deleted_at IS NULL
  AND jsonb_typeof(jobs.definition -> 'promise') = 'object'
  AND (cardinality(%(job_ids)s::text[]) = 0 OR jobs.job_id = ANY (%(job_ids)s::text[]))
  AND (cardinality(%(job_groups)s::text[]) = 0 OR jobs.job_group = ANY (%(job_groups)s::text[]))
  AND (cardinality(%(states)s::text[]) = 0 OR standing.state = ANY (%(states)s::text[]))
  AND (
      %(after_at)s::bigint IS NULL
      OR (jobs.created_at, jobs.job_id) > (to_timestamp(%(after_at)s::bigint / 1000.0), %(after_id)s::text)
  )
ORDER BY jobs.created_at, jobs.job_id
LIMIT %(limit)s::int;
