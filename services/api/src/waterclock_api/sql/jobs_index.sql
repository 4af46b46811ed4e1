-- Read the first jobs by group and name that are not deleted, or those of some ids (null: all), each with its last run, and with how the last few of its runs
-- ended: in a word a sign for each, the newest first, + succeeded and - did not; the ends of these; and the median of how
-- long those that succeeded took, from their last start. Times in ms.
SELECT
    jobs.job_id, jobs.job_group, jobs.job_name, jobs.version, (jobs.definition - 'invokeParams')::text AS definition,
    (date_part('epoch', jobs.updated_at) * 1000)::bigint AS updated_at,
    (date_part('epoch', coalesce(jobs.mark, jobs.created_at)) * 1000)::bigint AS mark,
    last.run_id,
    CASE WHEN last.status IN ('delayed', 'waiting') THEN standing_of(last, to_timestamp(%(now)s::bigint / 1000.0)) ELSE last.status END,
    (date_part('epoch', last.nominal_at) * 1000)::bigint AS nominal_at,
    (date_part('epoch', last.started_at) * 1000)::bigint AS started_at,
    (date_part('epoch', last.finished_at) * 1000)::bigint AS finished_at,
    CASE WHEN last.error IS NOT NULL THEN jsonb_build_object(  -- a message may be long
        'type', last.error ->> 'type', 'message', left(ltrim(last.error ->> 'message', E' \n\r\t'), 400)
    ) END AS error,
    EXISTS (
        SELECT FROM runs WHERE runs.job_id = jobs.job_id AND runs.finished_at IS NULL AND runs.status = 'running'
    ) AS is_running,
    ended.outcomes,
    (date_part('epoch', ended.ends[length(substring(ended.outcomes FROM '^(?:\++|-+)'))]) * 1000)::bigint AS since,
    (date_part('epoch', ended.median) * 1000)::bigint AS median
FROM jobs
LEFT JOIN runs AS last ON last.run_id = jobs.last_run_id
CROSS JOIN LATERAL (
    SELECT
        string_agg(CASE late.status WHEN 'succeeded' THEN '+' ELSE '-' END, '') AS outcomes,
        array_agg(late.finished_at) AS ends,
        percentile_disc(0.5) WITHIN GROUP (ORDER BY late.finished_at - late.started_at)
            FILTER (WHERE late.status = 'succeeded') AS median
    FROM (
        SELECT runs.status, runs.started_at, runs.finished_at
        FROM runs
        WHERE runs.job_id = jobs.job_id AND runs.finished_at IS NOT NULL
        ORDER BY runs.requested_at DESC, runs.run_id DESC
        LIMIT %(looked_at)s::int
    ) AS late
    WHERE late.status <> 'cancelled'
) AS ended
WHERE jobs.deleted_at IS NULL
  AND (%(job_ids)s::text[] IS NULL OR jobs.job_id = ANY (%(job_ids)s::text[]))
ORDER BY jobs.job_group, jobs.job_name, jobs.job_id
LIMIT %(limit)s::int;
