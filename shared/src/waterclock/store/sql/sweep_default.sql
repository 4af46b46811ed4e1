-- Delete events that are not kept from some pages of the default table: what a month left there for the sake of runs that are
-- gone by now, and what came late. Whether the run is there is asked for each event, for the planner would read all runs.
DELETE FROM ONLY events_default
WHERE ctid >= %(first)s::tid
  AND ctid < %(end)s::tid
  AND at < (SELECT before FROM forgotten WHERE what = 'events')
  AND type NOT IN (
      'job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted', 'queue.paused', 'queue.resumed',
      'worker.joined', 'worker.left', 'notices.muted', 'notices.unmuted'
  )
  AND (SELECT runs.run_id FROM runs WHERE runs.run_id = events_default.run_id) IS NULL
  AND (partition, epoch, seq) NOT IN (SELECT partition, epoch, seq FROM partitions);
