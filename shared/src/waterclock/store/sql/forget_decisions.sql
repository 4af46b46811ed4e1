-- Delete decisions of which the events are not kept, so many at once.
DELETE FROM decisions
WHERE (job_id, epoch, seq) IN (
    SELECT job_id, epoch, seq
    FROM decisions
    WHERE decided_at < (SELECT before FROM forgotten WHERE what = 'events')
    LIMIT %(limit)s::int
);
