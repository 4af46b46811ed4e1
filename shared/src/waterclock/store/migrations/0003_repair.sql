-- What a log that lost its end is repaired from, beside the archive.

ALTER TABLE jobs
    ADD COLUMN mark           timestamptz,
    ADD COLUMN barred_epoch   bigint,
    ADD COLUMN barred_seq     bigint,
    ADD COLUMN released_epoch bigint,
    ADD COLUMN released_seq   bigint;
COMMENT ON COLUMN jobs.mark IS 'The moment through which the instants of the job are decided, as far as events say';
COMMENT ON COLUMN jobs.barred_seq IS 'With barred_epoch: place of the last event after which runs requested before do not start';
COMMENT ON COLUMN jobs.released_seq IS 'With released_epoch: place of the last event after which runs requested before do not wait for each other';

UPDATE jobs SET
    mark = (
        SELECT max((convert_from(document, 'UTF8')::jsonb ->> 'through')::timestamptz)
        FROM events
        WHERE events.job_id = jobs.job_id
          AND type IN (
              'job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted', 'run.requested',
              'fire.skipped', 'fire.coalesced'
          )
    ),
    (barred_epoch, barred_seq) = (
        SELECT epoch, seq
        FROM events
        WHERE events.job_id = jobs.job_id AND type = 'job.disabled'
        ORDER BY epoch DESC, seq DESC
        LIMIT 1
    );

-- Small ones: which queues are paused; what has happened of late.
CREATE INDEX events_of_queues ON events (partition, epoch, seq) WHERE type IN ('queue.paused', 'queue.resumed');
CREATE INDEX events_by_time ON events USING brin (at);
