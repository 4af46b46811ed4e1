-- All keys that there ever were, oldest first.
SELECT key_id, name, secret_sha256, scopes, rate, created_at, expires_at, revoked_at, last_used_at
FROM api_keys
ORDER BY created_at, key_id;
