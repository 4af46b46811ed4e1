-- End keys at once: the one of this id, or all of this name. Those that are revoked already stay as they are.
UPDATE api_keys SET revoked_at = now()
WHERE (key_id = %(which)s OR name = %(which)s) AND revoked_at IS NULL
RETURNING key_id;
