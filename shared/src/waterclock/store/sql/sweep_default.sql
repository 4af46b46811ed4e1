-- Delete events that are not kept from the default table, so many at once: what a month left there for the sake of runs
-- that are gone by now, and what came late.
DELETE FROM ONLY events_default
WHERE ctid = ANY (ARRAY(
    SELECT old.ctid
    FROM ONLY events_default AS old
    WHERE at < (SELECT before FROM forgotten WHERE what = 'events')
      AND type NOT IN (
          'job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted', 'queue.paused', 'queue.resumed',
          'worker.joined', 'worker.left'
      )
      AND NOT EXISTS (SELECT FROM runs WHERE runs.run_id = old.run_id)
      AND (partition, epoch, seq) NOT IN (SELECT partition, epoch, seq FROM partitions)
    LIMIT %(limit)s::int
));
