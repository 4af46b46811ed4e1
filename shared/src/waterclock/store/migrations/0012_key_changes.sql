-- How often a key may be used; and every change of keys, written down by the database itself, whoever made it and how.

ALTER TABLE api_keys ADD COLUMN rate double precision CHECK (rate > 0);

CREATE TABLE api_key_changes (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT clock_timestamp(),
    change     text NOT NULL CHECK (change IN ('created', 'retired', 'revoked', 'changed', 'deleted')),
    key_id     text NOT NULL,
    name       text NOT NULL,
    scopes     text[] NOT NULL,
    rate       double precision,
    expires_at timestamptz,
    verb       text,
    said_by    text,
    reason     text,
    db_role    text NOT NULL DEFAULT session_user,
    address    inet DEFAULT inet_client_addr()
);
COMMENT ON TABLE api_key_changes IS 'Append-only. What a key was after each change of it, and who made that: db_role and address are the session''s, said_by is what the verb told. Where verb is null, none of ours did it';

CREATE INDEX api_key_changes_of_name ON api_key_changes (name, number);

INSERT INTO api_key_changes (at, change, key_id, name, scopes, expires_at, verb)
SELECT at, change, key_id, name, scopes, expires_at, 'migrate'
FROM (
    SELECT created_at AS at, 'created' AS change, key_id, name, scopes, expires_at FROM api_keys
    UNION ALL
    SELECT revoked_at, 'revoked', key_id, name, scopes, expires_at FROM api_keys WHERE revoked_at IS NOT NULL
) AS known
ORDER BY at;

-- With its owner's rights, so that who may change keys need not be allowed to write here.
CREATE FUNCTION note_key_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    known  api_keys := CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    change text := 'changed';
BEGIN
    IF TG_OP = 'INSERT' THEN
        change := 'created';
    ELSIF TG_OP = 'DELETE' THEN
        change := 'deleted';
    ELSIF NEW.revoked_at IS NOT NULL AND OLD.revoked_at IS NULL THEN
        change := 'revoked';
    ELSIF NEW.expires_at IS DISTINCT FROM OLD.expires_at THEN
        change := 'retired';
    END IF;
    INSERT INTO api_key_changes (change, key_id, name, scopes, rate, expires_at, verb, said_by, reason)
    VALUES (
        change, known.key_id, known.name, known.scopes, known.rate, known.expires_at,
        nullif(current_setting('waterclock.verb', true), ''),
        nullif(current_setting('waterclock.said_by', true), ''),
        nullif(current_setting('waterclock.reason', true), '')
    );
    RETURN NULL;
END
$$;

CREATE TRIGGER key_made_or_deleted AFTER INSERT OR DELETE ON api_keys
FOR EACH ROW EXECUTE FUNCTION note_key_change();

-- All but last_used_at.
CREATE TRIGGER key_changed AFTER UPDATE ON api_keys
FOR EACH ROW WHEN (
    (OLD.key_id, OLD.name, OLD.secret_sha256, OLD.scopes, OLD.created_at, OLD.expires_at, OLD.revoked_at, OLD.rate)
    IS DISTINCT FROM
    (NEW.key_id, NEW.name, NEW.secret_sha256, NEW.scopes, NEW.created_at, NEW.expires_at, NEW.revoked_at, NEW.rate)
) EXECUTE FUNCTION note_key_change();

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END
$$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON api_key_changes
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
