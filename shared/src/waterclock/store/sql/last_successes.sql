-- Read the latest instant, or request without one, ms, of the runs of some jobs that succeeded: in one pass, for they have very
-- many runs that did not. Those that were forgotten count, too.
SELECT job_id, (extract(epoch FROM max(stands_for)) * 1000)::bigint AS last_success
FROM (
    SELECT job_id, coalesce(nominal_at, requested_at) AS stands_for
    FROM runs
    WHERE job_id = ANY (%(job_ids)s::text[])
      AND status = 'succeeded'
    UNION ALL
    SELECT job_id, last_success
    FROM kept_successes
    WHERE job_id = ANY (%(job_ids)s::text[])
) AS known
GROUP BY job_id;
