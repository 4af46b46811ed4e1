-- Read the events of the given types of the unfinished runs of a partition: run by run as they were requested, and those
-- of each run in order.
SELECT runs.run_id, events.epoch, events.seq, events.document
FROM runs
JOIN events USING (run_id)
WHERE runs.partition = %(partition)s::int
  AND runs.finished_at IS NULL
  AND events.type = ANY (%(types)s::text[])
ORDER BY runs.requested_epoch, runs.requested_seq, events.epoch, events.seq;
