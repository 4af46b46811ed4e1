-- Read the events of the given types of the unfinished runs of a partition, or of all: run by run as they were requested, and those
-- of each run in order. The time is in ms.
SELECT
    runs.run_id, events.epoch, events.seq, events.document,
    (extract(epoch FROM runs.requested_at) * 1000)::bigint AS requested_at
FROM runs
JOIN events USING (run_id)
WHERE (runs.partition = %(partition)s::int OR %(all)s::boolean)
  AND runs.finished_at IS NULL
  AND events.type = ANY (%(types)s::text[])
ORDER BY runs.requested_epoch, runs.requested_seq, runs.run_id, events.epoch, events.seq;
