-- Read by which schemas stored jobs are checked, and how far.
SELECT executor, digest, reached, looked, unfit, untold, before, ended_at IS NOT NULL AS has_ended
FROM schema_checks
ORDER BY executor;
