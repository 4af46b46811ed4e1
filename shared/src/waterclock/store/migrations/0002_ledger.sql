-- What the ledger is proved from, found without reading the rest of a job's events: the events of the job itself, few
-- in all its time, and its decisions from a time on.

CREATE INDEX events_of_lives ON events (job_id, at, epoch, seq)
WHERE type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted');

CREATE INDEX events_of_decisions ON events (job_id, at, epoch, seq)
WHERE type IN ('run.requested', 'fire.skipped', 'fire.coalesced');
