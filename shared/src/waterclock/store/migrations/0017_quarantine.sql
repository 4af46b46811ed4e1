-- Events that nobody can read: what is kept of them, and what becomes of the runs that they ended.

CREATE TABLE quarantine (
    partition  int NOT NULL,
    epoch      bigint NOT NULL,
    seq        bigint NOT NULL,
    at         timestamptz NOT NULL,
    type       text NOT NULL,
    job_id     text,
    run_id     text,
    reason     text NOT NULL,
    document   bytea NOT NULL,
    known_at   timestamptz,
    PRIMARY KEY (partition, epoch, seq)
);
COMMENT ON TABLE quarantine IS 'Events that the projector could not read, with their bytes as they are archived, and why; known_at: when an operator said that they are known, since then they are told no more';

ALTER TABLE runs ADD COLUMN unreadable jsonb;
COMMENT ON COLUMN runs.unreadable IS 'position of the event that ended the run, and the reason, where nobody can read it';

-- Who caused an archived event. Postgres reads less than we do (no U+0000, nothing that is no UTF-8): then by the place where
-- an event names who it was.
CREATE FUNCTION actor_of(document bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN convert_from(document, 'UTF8')::json ->> 'actor';
EXCEPTION WHEN data_exception OR statement_too_complex THEN
    RETURN substring(
        encode(document, 'escape') FROM '^\{"id":"[^"]*","at":"[^"]*","type":"[^"]*","actor":"([^"\\]*)"'
    );
END
$$;

-- An archived event without what its job or run executes; as it is, where Postgres cannot read it.
CREATE FUNCTION without_params(document bytea) RETURNS bytea
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$
BEGIN
    RETURN convert_to((
        SELECT json_object_agg(member.key, CASE member.key WHEN 'definition' THEN (
            SELECT json_object_agg(field.key, field.value)
            FROM json_each(member.value) AS field
            WHERE field.key <> 'invokeParams'
        ) ELSE member.value END)
        FROM json_each(convert_from(document, 'UTF8')::json) AS member
        WHERE member.key <> 'params'
    )::text, 'UTF8');
EXCEPTION WHEN data_exception OR statement_too_complex OR null_value_not_allowed THEN
    RETURN document;
END
$$;
