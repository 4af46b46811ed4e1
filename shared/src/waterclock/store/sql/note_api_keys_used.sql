-- When keys were last used: never earlier than is known.
UPDATE api_keys SET last_used_at = greatest(last_used_at, used.at)
FROM unnest(%(key_ids)s::text[], %(ats)s::timestamptz[]) AS used (key_id, at)
WHERE api_keys.key_id = used.key_id;
