-- Read which jobs the events of a partition after a place are about, of the first `most` of them; and how many of each.
SELECT after.job_id, count(*)
FROM (
    SELECT job_id
    FROM events
    WHERE partition = %(partition)s::int
      AND (epoch, seq) >= (%(epoch)s::bigint, %(seq)s::bigint + 1)
    ORDER BY epoch, seq
    LIMIT %(most)s::int
) AS after
GROUP BY after.job_id;
