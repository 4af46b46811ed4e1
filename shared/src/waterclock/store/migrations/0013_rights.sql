-- Rights of those who do not own the schema: the api reads, the projector writes the archive and the read models. What the
-- projector does with the archive's months takes the owner's rights, and is done with them by two functions and no others.

DO $$
DECLARE
    function text;
BEGIN
    FOREACH function IN ARRAY ARRAY[
        'make_archive_month(timestamptz)', 'drop_archive_month(regclass, timestamptz)', 'note_key_change()'
    ]
    LOOP
        EXECUTE format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', function, current_schema());
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function);
    END LOOP;
END
$$;

-- Give the roles of `deploy/postgres/roles.sql`, as far as they are there, their rights on every table that the caller
-- may give rights on; the names of those roles. In a database that is not theirs (roles are of a whole server) nothing is given. A later migration that
-- adds a table need not name it: `migrate` calls this at its end.
CREATE FUNCTION give_rights() RETURNS text[]
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
            oid IN ('api_keys'::regclass, 'api_key_changes'::regclass, 'migrations'::regclass) AS is_the_owners
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
    END IF;
    IF projector IS NOT NULL THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO waterclock_projector', home);
        GRANT SELECT ON migrations TO waterclock_projector;
        GRANT EXECUTE ON FUNCTION make_archive_month(timestamptz) TO waterclock_projector;
        GRANT EXECUTE ON FUNCTION drop_archive_month(regclass, timestamptz) TO waterclock_projector;
    END IF;
    RETURN array_remove(ARRAY[api::regrole::text, projector::regrole::text], NULL);
END
$$;
