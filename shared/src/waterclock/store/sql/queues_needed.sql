-- The queues that jobs and unfinished runs are in.
SELECT queue FROM jobs WHERE deleted_at IS NULL
UNION
SELECT queue FROM runs WHERE finished_at IS NULL
ORDER BY queue;
