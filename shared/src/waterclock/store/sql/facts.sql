-- What the judge knows of jobs, runs and partitions that a batch touches: of `runs` and what is due in a partition all, of their
-- jobs and of `jobs` what is of no run, of `whole` all. `clock` in ms; null: nothing that is due is wanted.
WITH named AS (
    SELECT key, job_id, document FROM notice_facts WHERE run_id = ANY (%(runs)s::text[])
    UNION
    SELECT key, job_id, document FROM (
        SELECT key, job_id, document
        FROM notice_facts
        WHERE partition = %(partition)s::int AND due_at <= to_timestamp(%(clock)s::bigint / 1000.0)
        ORDER BY due_at, key
        LIMIT %(limit)s::int
    ) AS due
), touched AS (
    SELECT job_id FROM named WHERE job_id IS NOT NULL
    UNION
    SELECT unnest(%(jobs)s::text[])
)
SELECT document FROM named
UNION ALL
SELECT document FROM notice_facts JOIN touched USING (job_id) WHERE run_id IS NULL
UNION ALL
SELECT document FROM notice_facts WHERE job_id = ANY (%(whole)s::text[])
UNION ALL
SELECT document FROM notice_facts WHERE key = ANY (%(keys)s::text[]);
