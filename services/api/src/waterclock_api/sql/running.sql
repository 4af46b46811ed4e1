-- Read, of some runs, those that execute: how many seconds their attempt has taken, and what was requested.
SELECT r.run_id, r.invoke_target, r.worker, extract(epoch FROM clock_timestamp() - a.started_at)::float8, e.document
FROM runs AS r
JOIN attempts AS a ON (a.run_id, a.number) = (r.run_id, r.attempt)
JOIN events AS e ON (e.partition, e.epoch, e.seq) = (r.partition, r.requested_epoch, r.requested_seq)
WHERE r.run_id = ANY (%(run_ids)s::text[]) AND r.status = 'running'
ORDER BY a.started_at;
