-- Read archived events of some types of a partition, after one place and up to another, oldest first, each with group and name of
-- its job: those of its run when it was requested, else those of the job now. Times in ms.
SELECT
    found.epoch, found.seq, found.prev, (extract(epoch FROM found.at) * 1000)::bigint AS at, found.document,
    found.job_id, found.run_id,
    coalesce(runs.job_group, jobs.job_group) AS job_group, coalesce(runs.job_name, jobs.job_name) AS job_name
FROM (
    SELECT epoch, seq, prev, at, document, job_id, run_id
    FROM events
    WHERE partition = %(partition)s::int
      AND (epoch, seq) >= (%(after_epoch)s::bigint, %(after_seq)s::bigint + 1)
      AND (epoch, seq) <= (%(through_epoch)s::bigint, %(through_seq)s::bigint)
      AND type = ANY (%(types)s::text[])
    ORDER BY epoch, seq
    LIMIT %(limit)s::int
) AS found
LEFT JOIN runs ON runs.run_id = found.run_id
LEFT JOIN jobs ON jobs.job_id = found.job_id
ORDER BY found.epoch, found.seq;
