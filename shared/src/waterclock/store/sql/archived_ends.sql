-- Read the archived events that ended some runs, oldest first; times in ms.
SELECT epoch, seq, prev, (extract(epoch FROM at) * 1000)::bigint AS at, document, run_id, type
FROM events
WHERE run_id = ANY (%(run_ids)s::text[])
  AND type IN ('run.succeeded', 'run.failed', 'run.timedOut', 'run.cancelled', 'run.died')
ORDER BY epoch, seq;
