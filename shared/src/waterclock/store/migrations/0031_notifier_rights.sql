-- As before, and a role for notifiers and publishers: they read all but keys, and write what is theirs, which projectors only
-- read.
CREATE OR REPLACE FUNCTION give_rights() RETURNS text[]
LANGUAGE plpgsql AS $$
DECLARE
    home      text := current_schema();
    owner     oid := (SELECT relowner FROM pg_class WHERE oid = 'migrations'::regclass);
    api       oid := to_regrole('waterclock_api');
    projector oid := to_regrole('waterclock_projector');
    notifier  oid := to_regrole('waterclock_notifier');
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
            ) AS is_the_owners,
            oid IN ('api_keys'::regclass, 'api_key_changes'::regclass) AS is_of_keys,
            relname ~ '^(notices$|notice_|notifier_|publisher_|broken_promises$)' AS is_of_notices
        FROM pg_class
        WHERE relnamespace = home::regnamespace AND relkind IN ('r', 'p') AND pg_has_role(relowner, 'USAGE')
    LOOP
        IF api IS NOT NULL THEN
            EXECUTE format('GRANT SELECT ON %s TO waterclock_api', place.name);
        END IF;
        IF projector IS NOT NULL AND place.is_of_notices THEN
            EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON %s FROM waterclock_projector', place.name);
            EXECUTE format('GRANT SELECT ON %s TO waterclock_projector', place.name);
        ELSIF projector IS NOT NULL AND NOT place.is_the_owners THEN
            EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO waterclock_projector', place.name);
        END IF;
        IF notifier IS NOT NULL AND NOT place.is_of_keys THEN
            EXECUTE format('GRANT SELECT ON %s TO waterclock_notifier', place.name);
        END IF;
        IF notifier IS NOT NULL AND place.is_of_notices THEN
            EXECUTE format('GRANT INSERT, UPDATE, DELETE ON %s TO waterclock_notifier', place.name);
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
    IF notifier IS NOT NULL THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO waterclock_notifier', home);
    END IF;
    RETURN array_remove(ARRAY[api::regrole::text, projector::regrole::text, notifier::regrole::text], NULL);
END
$$;
