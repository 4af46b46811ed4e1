-- Delete events that are not kept from some pages of the default table: what a month left there for the sake of runs that are
-- gone by now, and what came late. Whether the run is there is asked for each event, for the planner would read all runs. What a
-- notifier has yet to judge stays, unless that is more than seven days old.
WITH unjudged AS MATERIALIZED (
    SELECT judged.partition, judged.epoch, judged.seq
    FROM notifier_positions AS judged
    CROSS JOIN LATERAL (
        SELECT at
        FROM events
        WHERE events.partition = judged.partition AND (events.epoch, events.seq) >= (judged.epoch, judged.seq + 1)
        ORDER BY epoch, seq
        LIMIT 1
    ) AS next
    WHERE next.at > clock_timestamp() - interval '7 days'
)
DELETE FROM ONLY events_default
WHERE ctid >= %(first)s::tid
  AND ctid < %(end)s::tid
  AND at < (SELECT before FROM forgotten WHERE what = 'events')
  AND type NOT IN (
      'job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted', 'queue.paused', 'queue.resumed',
      'worker.joined', 'worker.left', 'notices.muted', 'notices.unmuted'
  )
  AND (SELECT runs.run_id FROM runs WHERE runs.run_id = events_default.run_id) IS NULL
  AND (partition, epoch, seq) NOT IN (SELECT partition, epoch, seq FROM partitions)
  AND NOT EXISTS (
      SELECT FROM unjudged
      WHERE unjudged.partition = events_default.partition
        AND (unjudged.epoch, unjudged.seq) < (events_default.epoch, events_default.seq)
  );
