-- What `waterclock rebuild` makes tables with.

-- Make an empty table of the same name and shape in another schema: columns, defaults, keys, indexes with their own names,
-- comments and rights, so that it can take the place of the first and later migrations find in it what they expect.
CREATE FUNCTION make_shadow(live regclass, shadow text) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    home text;
    name text;
    part record;
BEGIN
    SELECT nspname, relname INTO home, name
    FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE pg_class.oid = live;
    EXECUTE format('CREATE TABLE %I.%I (LIKE %I.%I INCLUDING ALL EXCLUDING INDEXES)', shadow, name, home, name);
    FOR part IN
        SELECT conname, pg_get_constraintdef(oid) AS text
        FROM pg_constraint WHERE conrelid = live AND contype IN ('p', 'u', 'x')
    LOOP
        EXECUTE format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s', shadow, name, part.conname, part.text);
    END LOOP;
    FOR part IN
        SELECT pg_get_indexdef(indexrelid) AS text
        FROM pg_index
        WHERE indrelid = live AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
    LOOP
        EXECUTE replace(part.text, format(' ON %I.%I ', home, name), format(' ON %I.%I ', shadow, name));
    END LOOP;
    FOR part IN
        SELECT privilege_type AS privilege, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS who
        FROM pg_class CROSS JOIN aclexplode(relacl)
        WHERE pg_class.oid = live AND grantee <> relowner
    LOOP
        EXECUTE format('GRANT %s ON %I.%I TO %s', part.privilege, shadow, name, part.who);
    END LOOP;
    IF obj_description(live, 'pg_class') IS NOT NULL THEN
        EXECUTE format('COMMENT ON TABLE %I.%I IS %L', shadow, name, obj_description(live, 'pg_class'));
    END IF;
END
$$;
