-- Let the live keys of a name go on for some time only, and tell what the newest of them may do; locks them.
WITH live AS (
    SELECT key_id, scopes, rate, created_at FROM api_keys
    WHERE name = %(name)s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())
    FOR UPDATE
), retired AS (
    UPDATE api_keys SET expires_at = least(api_keys.expires_at, now() + %(overlap)s::interval)
    FROM live
    WHERE live.key_id = api_keys.key_id
      AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now() + %(overlap)s::interval)
)
SELECT scopes, rate FROM live ORDER BY created_at DESC, key_id DESC LIMIT 1;
