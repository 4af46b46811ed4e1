-- How many sessions are projectors of this database.
SELECT count(*)
FROM pg_locks
WHERE locktype = 'advisory'
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
  AND classid = (hashtext('waterclock projectors')::bit(32)::bigint)::oid
  AND objid = 0
  AND objsubid = 2
  AND granted;
