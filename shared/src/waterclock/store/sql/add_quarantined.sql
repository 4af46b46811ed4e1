-- Keep an event that nobody can read; the caller archives it in the same transaction.
INSERT INTO quarantine (partition, epoch, seq, at, type, job_id, run_id, reason, document)
VALUES (
    %(partition)s::int, %(epoch)s::bigint, %(seq)s::bigint, %(at)s::timestamptz, %(type)s::text, %(job_id)s::text,
    %(run_id)s::text, %(reason)s::text, %(document)s::bytea
)
ON CONFLICT DO NOTHING;
