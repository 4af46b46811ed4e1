-- Read when some jobs succeeded last, ms, among the last 1000 runs of each that were requested; null, if none of these did.
-- The inner order is that of the index, and its rows are read until one fits.
SELECT
    wanted.job_id,
    (
        SELECT (extract(epoch FROM recent.finished_at) * 1000)::bigint
        FROM (
            SELECT runs.status, runs.finished_at
            FROM runs
            WHERE runs.job_id = wanted.job_id
            ORDER BY runs.requested_at DESC, runs.run_id DESC
            LIMIT 1000
        ) AS recent
        WHERE recent.status = 'succeeded'
        LIMIT 1
    ) AS succeeded_at
FROM unnest(%(job_ids)s::text[]) AS wanted (job_id);
