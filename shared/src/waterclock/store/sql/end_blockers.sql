-- End the sessions that this one (`pid`) waits for, of those that do the work so named.
SELECT blocker, pg_terminate_backend(blocker)
FROM unnest(pg_blocking_pids(%(pid)s::int)) AS blocker
JOIN pg_stat_activity ON pg_stat_activity.pid = blocker
WHERE application_name LIKE '%%' || %(work)s::text;
