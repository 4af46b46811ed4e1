-- How many of the sessions that are projectors of this database are not of a level, nor of a later one. Each holds the lock
-- of its level before the other.
SELECT
    count(*) FILTER (WHERE classid = (hashtext('waterclock projectors')::bit(32)::bigint)::oid AND objid = 0)
    - count(*) FILTER (
        WHERE classid = (hashtext('waterclock projectors of a level')::bit(32)::bigint)::oid
          AND objid::bigint >= %(level)s::int
    )
FROM pg_locks
WHERE locktype = 'advisory'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND objsubid = 2
  AND granted;
