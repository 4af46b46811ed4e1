-- How the runs of each job have ended: counts that only grow, whatever retention forgets and whoever projects, and when.

CREATE TABLE job_ends (
    job_id          text PRIMARY KEY,
    last_end_at     timestamptz NOT NULL,
    last_success_at timestamptz,
    last_failure_at timestamptz,
    succeeded       bigint NOT NULL DEFAULT 0,
    failed          bigint NOT NULL DEFAULT 0,
    timed_out       bigint NOT NULL DEFAULT 0,
    cancelled       bigint NOT NULL DEFAULT 0,
    died            bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 70);
COMMENT ON TABLE job_ends IS 'How many runs of a job have ended in which way, and when the last ones did. Counted from the archive as it is written, and never anew: neither retention nor a rebuild changes it';

CREATE TABLE job_ends_counted (
    partition int PRIMARY KEY,
    epoch     bigint NOT NULL,
    seq       bigint NOT NULL
);
COMMENT ON TABLE job_ends_counted IS 'The last archived event of each partition that job_ends has counted. Projectors of earlier releases do not move it: those of this one catch up';

-- What there is, at one moment: one statement sees the runs and the positions alike.
WITH counted AS (
    INSERT INTO job_ends (
        job_id, last_end_at, last_success_at, last_failure_at, succeeded, failed, timed_out, cancelled, died
    )
    SELECT
        job_id, max(finished_at), max(finished_at) FILTER (WHERE status = 'succeeded'),
        max(finished_at) FILTER (WHERE status IN ('failed', 'timedOut', 'died')),
        count(*) FILTER (WHERE status = 'succeeded'), count(*) FILTER (WHERE status = 'failed'),
        count(*) FILTER (WHERE status = 'timedOut'), count(*) FILTER (WHERE status = 'cancelled'),
        count(*) FILTER (WHERE status = 'died')
    FROM runs
    WHERE job_id IS NOT NULL AND finished_at IS NOT NULL
    GROUP BY job_id
)
INSERT INTO job_ends_counted (partition, epoch, seq) SELECT partition, epoch, seq FROM partitions WHERE epoch > 0;

-- Jobs that are told one by one, in the order in which they were created.
CREATE INDEX jobs_monitored ON jobs (created_at, job_id) WHERE labels ? 'monitor' AND deleted_at IS NULL;
