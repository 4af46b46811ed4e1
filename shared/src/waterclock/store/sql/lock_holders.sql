-- The sessions that the one of `pid` waits for, directly or behind others, and that wait for none themselves; pid 0 is a
-- prepared transaction. The last two columns: whether it waits for its client (in a pipeline it is then `active`, too),
-- and a mark that each of its statements changes. Of sessions of other users a user without pg_read_all_stats sees only
-- who they are.
WITH RECURSIVE ahead AS (
    SELECT unnest(pg_blocking_pids(%(pid)s::int)) AS pid
    UNION
    SELECT unnest(pg_blocking_pids(ahead.pid)) FROM ahead WHERE ahead.pid <> 0
)
SELECT
    pid,
    usename::text,
    application_name,
    host(client_addr),
    state,
    extract(EPOCH FROM clock_timestamp() - xact_start)::float8,
    coalesce(wait_event_type = 'Client', false),
    state_change
FROM ahead
LEFT JOIN pg_stat_activity USING (pid)
WHERE pid = 0 OR cardinality(pg_blocking_pids(pid)) = 0
ORDER BY pid;
