-- Where the last event stands by which the logs of a job were cleared; no row: they never were.
SELECT epoch, seq
FROM events
WHERE job_id = %(job_id)s::text AND type = 'logs.cleared'
ORDER BY epoch DESC, seq DESC
LIMIT 1;
