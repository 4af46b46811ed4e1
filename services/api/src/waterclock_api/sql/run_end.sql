-- Read the last event of a run that has ended, if it is archived up to a place.
SELECT epoch, seq, type
FROM events
WHERE run_id = %(run_id)s::text
  AND type IN ('run.succeeded', 'run.failed', 'run.timedOut', 'run.cancelled', 'run.died')
  AND (epoch, seq) <= (%(through_epoch)s::bigint, %(through_seq)s::bigint);
