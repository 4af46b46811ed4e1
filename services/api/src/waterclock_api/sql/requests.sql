-- Read how some runs were requested, and where the end of each stands; runs that have not ended in the archive are left out.
SELECT wanted.run_id, request.document, ending.partition, ending.epoch, ending.seq
FROM unnest(%(run_ids)s::text[]) AS wanted (run_id)
CROSS JOIN LATERAL (
    SELECT document
    FROM events
    WHERE run_id = wanted.run_id AND type = 'run.requested'
    ORDER BY epoch, seq
    LIMIT 1
) AS request
CROSS JOIN LATERAL (
    SELECT partition, epoch, seq
    FROM events
    WHERE run_id = wanted.run_id
      AND type IN ('run.succeeded', 'run.failed', 'run.timedOut', 'run.cancelled', 'run.died')
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) AS ending;
