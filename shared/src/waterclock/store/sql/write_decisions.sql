-- Add decisions that fired nothing.
INSERT INTO decisions (
    job_id, epoch, seq, partition, fate, reason, policy, first_at, last_at, count, digest, run_id, decided_at
)
SELECT job_id, epoch, seq, partition, fate, reason, policy, first_at, last_at, count, digest, run_id, decided_at
FROM jsonb_populate_recordset(NULL::decisions, %(rows)s::jsonb);
