-- Keys of the API. The secret itself is nowhere: it has 260 bits of chance, so its plain SHA-256 tells nothing of it.

CREATE TABLE api_keys (
    key_id        text PRIMARY KEY,
    name          text NOT NULL,
    secret_sha256 bytea NOT NULL CHECK (octet_length(secret_sha256) = 32),
    scopes        text[] NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    expires_at    timestamptz,
    revoked_at    timestamptz,
    last_used_at  timestamptz
);
COMMENT ON TABLE api_keys IS 'Who may call the API, and for what; several keys of one name are one caller. No row is ever deleted';

CREATE INDEX api_keys_of_name ON api_keys (name);
