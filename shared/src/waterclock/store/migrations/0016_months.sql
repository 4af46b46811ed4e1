-- Who may call the two functions that work with the rights of the owner hands them a month, and nothing else: whatever else they are
-- handed is refused, before anything is done with it.

-- As before; refused are moments that are in no month of ours.
CREATE OR REPLACE FUNCTION make_archive_month(moment timestamptz) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    first timestamptz;
    next  timestamptz;
    name  text;
BEGIN
    IF moment IS NULL OR moment < '1970-01-01Z' OR moment >= '10000-01-01Z' THEN
        RAISE EXCEPTION 'a month of the archive lies in the years from 1970 to 9999, not at %', moment
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    first := date_trunc('month', moment, 'UTC');
    next := date_trunc('month', first + interval '32 days', 'UTC');
    name := 'events_' || to_char(first AT TIME ZONE 'UTC', 'YYYY_MM');
    PERFORM pg_advisory_xact_lock(hashtext('waterclock archive months'));
    IF to_regclass(name) IS NOT NULL OR EXISTS (SELECT FROM events_default WHERE at >= first AND at < next) THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %I (LIKE events INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', name);
    EXECUTE format('ALTER TABLE events ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)', name, first, next);
    RETURN true;
END
$$;

-- As before; refused is what is no month of the archive, by its name and by the time that it holds, and an end that is not the
-- month's own: it says what is kept.
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
DECLARE
    function text;
BEGIN
    FOREACH function IN ARRAY ARRAY['make_archive_month(timestamptz)', 'drop_archive_month(regclass, timestamptz)']
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', function, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function);
    END LOOP;
END
$$;
