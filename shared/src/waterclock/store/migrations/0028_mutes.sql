-- Mutes: a read model, which the projector writes with the event, so that a mute holds from the moment that it is archived.
-- Those who send read it, and note a message that it keeps back as such.

CREATE TABLE mutes (
    mute_id        text PRIMARY KEY,
    partition      int NOT NULL,
    epoch          bigint NOT NULL,
    seq            bigint NOT NULL,
    job_id         text,
    job_group      text,
    labels         jsonb,
    everything     boolean NOT NULL,
    muted_at       timestamptz NOT NULL,
    until          timestamptz NOT NULL,
    actor          text,
    reason         text NOT NULL,
    unmuted_at     timestamptz,
    unmuted_epoch  bigint,
    unmuted_seq    bigint,
    unmuted_by     text,
    unmuted_reason text
);
CREATE INDEX mutes_by_end ON mutes (until);
CREATE INDEX mutes_newest ON mutes (muted_at DESC, mute_id DESC);
COMMENT ON TABLE mutes IS 'Whose notices are not sent for a while: those of a job, of a group, of all with a label, or all';
COMMENT ON COLUMN mutes.labels IS 'one, which a job has among others';
COMMENT ON COLUMN mutes.unmuted_at IS 'when it was ended before its time; that of a job ends with the job besides';

ALTER TABLE notice_deliveries
    ADD COLUMN repeats text,
    DROP CONSTRAINT notice_deliveries_state_check,
    ADD CONSTRAINT notice_deliveries_state_check
        CHECK (state IN ('waiting', 'delivered', 'digested', 'dropped', 'givenUp', 'muted'));
CREATE INDEX notice_deliveries_of_reminders ON notice_deliveries (repeats) WHERE repeats IS NOT NULL;
CREATE INDEX notice_deliveries_muted ON notice_deliveries (channel, settled_at) WHERE state = 'muted';
COMMENT ON COLUMN notice_deliveries.repeats IS 'id of the notice that it reminds of';

-- As before; of mutes the event that muted and the last one that unmuted are kept, too.
CREATE OR REPLACE FUNCTION drop_archive_month(month regclass, ends timestamptz) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    kept  bigint;
    name  text := (
        SELECT relname FROM pg_class
        JOIN pg_inherits ON inhrelid = oid AND inhparent = 'events'::regclass
        WHERE oid = month AND relkind = 'r' AND relnamespace = current_schema()::regnamespace
    );
    bound text[] := (
        SELECT regexp_match(pg_get_expr(relpartbound, oid), '^FOR VALUES FROM \(''([^'']+)''\) TO \(''([^'']+)''\)$')
        FROM pg_class WHERE oid = month
    );
BEGIN
    IF name IS NULL OR bound IS NULL OR ends IS NULL
        OR name <> 'events_' || to_char(bound[1]::timestamptz AT TIME ZONE 'UTC', 'YYYY_MM')
        OR bound[1]::timestamptz <> date_trunc('month', bound[1]::timestamptz, 'UTC')
        OR bound[2]::timestamptz <> date_trunc('month', bound[1]::timestamptz + interval '32 days', 'UTC')
    THEN
        RAISE EXCEPTION '% is no month of the archive', month USING ERRCODE = 'invalid_parameter_value';
    END IF;
    IF ends <> bound[2]::timestamptz THEN
        RAISE EXCEPTION '% ends at %, not at %', month, bound[2], ends USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('ALTER TABLE events DETACH PARTITION %s', month);
    EXECUTE format($sql$
        INSERT INTO events (partition, epoch, seq, prev, at, type, job_id, run_id, document)
        SELECT partition, epoch, seq, prev, at, type, job_id, run_id, document FROM (
            SELECT * FROM %1$s
            WHERE type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
            UNION
            SELECT * FROM %1$s WHERE type IN ('queue.paused', 'queue.resumed')
            UNION
            SELECT * FROM %1$s WHERE type IN ('worker.joined', 'worker.left')
            UNION
            SELECT old.* FROM runs JOIN %1$s AS old USING (run_id) WHERE runs.requested_at < $1
            UNION
            SELECT old.* FROM mutes JOIN %1$s AS old USING (partition, epoch, seq)
            UNION
            SELECT old.* FROM mutes JOIN %1$s AS old
                ON (old.partition, old.epoch, old.seq) = (mutes.partition, mutes.unmuted_epoch, mutes.unmuted_seq)
            UNION
            SELECT old.* FROM partitions JOIN %1$s AS old USING (partition, epoch, seq)
        ) AS needed
    $sql$, month) USING ends;
    GET DIAGNOSTICS kept = ROW_COUNT;
    INSERT INTO kept_marks (job_id, mark)
    SELECT job_id, mark FROM jobs WHERE deleted_at IS NULL AND mark < ends
    ON CONFLICT (job_id) DO UPDATE SET mark = excluded.mark;
    EXECUTE format('DROP TABLE %s', month);
    RETURN kept;
END
$$;

-- A function that is replaced loses both.
DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION drop_archive_month(regclass, timestamptz) SECURITY DEFINER SET search_path = %I, pg_temp',
        current_schema()
    );
    REVOKE EXECUTE ON FUNCTION drop_archive_month(regclass, timestamptz) FROM PUBLIC;
END
$$;
