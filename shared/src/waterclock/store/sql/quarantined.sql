-- Read the first events of a partition, or of all, that nobody can read, but for those that are known.
SELECT partition, epoch, seq, type, run_id, job_id, reason
FROM quarantine
WHERE known_at IS NULL
  AND (%(partition)s::int IS NULL OR partition = %(partition)s::int)
ORDER BY partition, epoch, seq
LIMIT %(limit)s::int;
