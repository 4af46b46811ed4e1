-- Read what the chain covers of the archived entries of a partition after one place up to another, that one included; times
-- in ms.
SELECT
    epoch, seq, prev, (extract(epoch FROM at) * 1000)::bigint AS at, type, job_id, run_id, document
FROM events
WHERE partition = %(partition)s::int
  AND (epoch, seq) > (%(after_epoch)s::bigint, %(after_seq)s::bigint)
  AND (epoch, seq) <= (%(epoch)s::bigint, %(seq)s::bigint)
ORDER BY epoch, seq;
