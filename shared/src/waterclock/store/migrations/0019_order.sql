-- The events of a job, in the order of their places: times go back where an operator sets a partition's clock back.
-- What is older than a time is passed over within an index, which has the time for that.

DROP INDEX events_of_lives;
CREATE INDEX events_of_lives ON events (job_id, epoch, seq, at)
WHERE type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted');

DROP INDEX events_of_decisions;
CREATE INDEX events_of_decisions ON events (job_id, epoch, seq, at)
WHERE type IN ('run.requested', 'fire.skipped', 'fire.coalesced');
