-- How many sessions are processes of a kind that work on this database.
SELECT count(*)
FROM pg_locks
WHERE locktype = 'advisory'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = (hashtext(%(sharers)s::text)::bit(32)::bigint)::oid
  AND objid = 0
  AND objsubid = 2
  AND granted;
