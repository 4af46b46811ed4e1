-- A new key, for a time or for ever.
INSERT INTO api_keys (key_id, name, secret_sha256, scopes, rate, expires_at)
VALUES (%(key_id)s, %(name)s, %(secret_sha256)s, %(scopes)s, %(rate)s::double precision, now() + %(valid_for)s::interval)
RETURNING expires_at;
