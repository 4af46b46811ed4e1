-- Write facts; due in ms.
INSERT INTO notice_facts (key, partition, job_id, run_id, due_at, document)
SELECT key, partition, job_id, run_id, to_timestamp(due / 1000.0), document
FROM unnest(
    %(keys)s::text[], %(partitions)s::int[], %(jobs)s::text[], %(runs)s::text[], %(dues)s::bigint[], %(documents)s::bytea[]
) AS given (key, partition, job_id, run_id, due, document)
ON CONFLICT (key) DO UPDATE
SET partition = excluded.partition, job_id = excluded.job_id, run_id = excluded.run_id, due_at = excluded.due_at,
    document = excluded.document;
