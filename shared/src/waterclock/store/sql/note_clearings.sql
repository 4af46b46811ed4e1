-- Note that lines and stream entries are to be deleted once this transaction has committed; from then on nobody reads the lines.
INSERT INTO clearings (partition, job_id, epoch, seq)
SELECT partition, job_id, epoch, seq
FROM jsonb_to_recordset(%(rows)s::jsonb) AS cleared (partition int, job_id text, epoch bigint, seq bigint)
ON CONFLICT (partition, job_id) DO UPDATE SET epoch = excluded.epoch, seq = excluded.seq;
