-- Stores that change places: whose the log is, which epochs were opened, who reaches which server, what repairs dropped.

CREATE TABLE installation (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    identity  text NOT NULL,
    prefix    text NOT NULL,
    made_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE installation IS 'Whose this database is, as the log says it, too; and the prefix of the log''s keys';

ALTER TABLE partitions ADD COLUMN opened bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN partitions.opened IS 'The latest epoch that was opened, as the log has answered; it may not be archived yet';

CREATE TABLE openings_of_names (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    opening  bigint NOT NULL,
    opened   bigint NOT NULL DEFAULT 0
);
COMMENT ON TABLE openings_of_names IS 'Epochs of the names of jobs: the latest that was reserved, and the latest that was opened';

CREATE TABLE reached (
    place    int NOT NULL,
    server   text NOT NULL,
    epoch    bigint NOT NULL,
    seen_at  timestamptz NOT NULL,
    PRIMARY KEY (place, server)
);
COMMENT ON TABLE reached IS 'Which server processes of the log are reached, with a partition (-1: the names) open in an epoch; by any API or projector, by this clock';

CREATE TABLE dropped (
    partition  int NOT NULL,
    fork       bigint NOT NULL,
    epoch      bigint NOT NULL,
    seq        bigint NOT NULL,
    prev       text NOT NULL,
    at         timestamptz NOT NULL,
    type       text NOT NULL,
    job_id     text,
    run_id     text,
    document   bytea NOT NULL,
    PRIMARY KEY (partition, fork, epoch, seq)
);
CREATE INDEX dropped_lines ON dropped (job_id) WHERE type = 'step.log';
COMMENT ON TABLE dropped IS 'Entries that a repair dropped from the log. They count once the log.forked of the epoch `fork` is archived; until then the repair may come to nothing';

-- Note which servers are reached, with which partitions open in which epochs. Anybody's note that is more than a second old is
-- renewed, so however many processes there are, each row is written once a second.
CREATE FUNCTION note_reached(places int[], servers text[], epochs bigint[]) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF cardinality(places) > 2000 OR EXISTS (
        SELECT FROM unnest(places, servers, epochs) AS told (place, server, epoch)
        WHERE place IS NULL OR place < -1 OR server IS NULL OR length(server) > 100 OR epoch IS NULL OR epoch < 1
    ) THEN
        RAISE EXCEPTION 'a note names partitions, their servers and epochs' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO reached AS known (place, server, epoch, seen_at)
    SELECT DISTINCT ON (place, server) place, server, epoch, clock_timestamp()
    FROM unnest(places, servers, epochs) AS told (place, server, epoch)
    ORDER BY place, server, epoch DESC
    ON CONFLICT (place, server) DO UPDATE
    SET epoch = greatest(known.epoch, excluded.epoch), seen_at = excluded.seen_at
    WHERE known.seen_at < excluded.seen_at - interval '1 second' OR known.epoch < excluded.epoch;
    DELETE FROM reached WHERE seen_at < clock_timestamp() - interval '1 hour';
END
$$;

DO $$
BEGIN
    EXECUTE format(
        'ALTER FUNCTION note_reached(int[], text[], bigint[]) SECURITY DEFINER SET search_path = %I, pg_temp', current_schema()
    );
END
$$;
REVOKE EXECUTE ON FUNCTION note_reached(int[], text[], bigint[]) FROM PUBLIC;

-- As before; whose the database is and who reaches what is the owner's to write, and both services note what they reach.
CREATE OR REPLACE FUNCTION give_rights() RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    home      text := current_schema();
    owner     oid := (SELECT relowner FROM pg_class WHERE oid = 'migrations'::regclass);
    api       oid := to_regrole('waterclock_api');
    projector oid := to_regrole('waterclock_projector');
    place     record;
BEGIN
    IF owner IS DISTINCT FROM to_regrole('waterclock_owner')::oid THEN
        RETURN '{}';
    END IF;
    FOR place IN
        SELECT
            oid::regclass AS name,
            oid IN (
                'api_keys'::regclass, 'api_key_changes'::regclass, 'migrations'::regclass, 'installation'::regclass,
                'reached'::regclass
            ) AS is_the_owners
        FROM pg_class
        WHERE relnamespace = home::regnamespace AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')
    LOOP
        IF api IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON %s TO waterclock_api', place.name);
        END IF;
        IF projector IS NOT NULL AND NOT place.is_the_owners THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO waterclock_projector', place.name);
        END IF;
    END LOOP;
    IF api IS NOT NULL THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO waterclock_api', home);
        GRANT UPDATE (last_used_at) ON api_keys TO waterclock_api;
        GRANT EXECUTE ON FUNCTION note_reached(int[], text[], bigint[]) TO waterclock_api;
    END IF;
    IF projector IS NOT NULL THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO waterclock_projector', home);
        GRANT SELECT ON migrations, installation, reached TO waterclock_projector;
        GRANT EXECUTE ON FUNCTION make_archive_month(timestamptz) TO waterclock_projector;
        GRANT EXECUTE ON FUNCTION drop_archive_month(regclass, timestamptz) TO waterclock_projector;
        GRANT EXECUTE ON FUNCTION note_reached(int[], text[], bigint[]) TO waterclock_projector;
    END IF;
    RETURN array_remove(ARRAY[api::regrole::text, projector::regrole::text], NULL);
END
$$;
