-- Read which sessions with this database are projectors and APIs of an earlier level than this, and from where they come:
-- a session each, and an empty address where it is not told. Projectors hold a lock of their level before the one that
-- counts them; APIs say theirs in their name.
WITH held AS (
    SELECT
        pid,
        bool_or(classid = (hashtext('waterclock projectors')::bit(32)::bigint)::oid AND objid = 0) AS projects,
        bool_or(
            classid = (hashtext('waterclock projectors of a level')::bit(32)::bigint)::oid
            AND objid::bigint >= %(level)s::int
        ) AS knows
    FROM pg_locks
    WHERE locktype = 'advisory'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND objsubid = 2
      AND mode = 'ShareLock'
      AND granted
    GROUP BY pid
)
SELECT 'projector' AS part, coalesce(host(client_addr), '') AS address
FROM held
LEFT JOIN pg_stat_activity USING (pid)
WHERE projects AND NOT knows
UNION ALL
SELECT 'API' AS part, coalesce(host(client_addr), '') AS address
FROM pg_stat_activity
WHERE datname = current_database()
  AND application_name ~ '^waterclock api($| zone=| level=)'
  AND coalesce(substring(application_name FROM ' level=([0-9]{1,9})')::int, 0) < %(level)s::int
ORDER BY part DESC, address;
