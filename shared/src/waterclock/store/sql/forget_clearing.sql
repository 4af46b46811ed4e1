-- Forget a clearing whose lines and stream entries are deleted, unless a later one of the same job has come.
DELETE FROM clearings
WHERE partition = %(partition)s::int
  AND job_id = %(job_id)s::text
  AND epoch = %(epoch)s::bigint
  AND seq = %(seq)s::bigint;
