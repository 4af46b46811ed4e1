-- Changes of keys, oldest first: of all, or of the key or the name that is asked for.
SELECT at, change, key_id, name, scopes, rate, expires_at, verb, said_by, reason, db_role, host(address)
FROM api_key_changes
WHERE %(which)s::text IS NULL OR key_id = %(which)s::text OR name = %(which)s::text
ORDER BY number;
