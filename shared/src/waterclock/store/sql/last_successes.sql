-- Read the latest instant, or request without one, ms, of the runs of some jobs that succeeded: in one pass, for they have very
-- many runs that did not.
SELECT job_id, (extract(epoch FROM max(coalesce(nominal_at, requested_at))) * 1000)::bigint AS last_success
FROM runs
WHERE job_id = ANY (%(job_ids)s::text[])
  AND status = 'succeeded'
GROUP BY job_id;
