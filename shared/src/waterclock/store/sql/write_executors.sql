-- Write what workers announced of their executors; the last word counts.
INSERT INTO executors (key, spec, announced_at)
SELECT key, spec, announced_at
FROM jsonb_populate_recordset(NULL::executors, %(rows)s::jsonb)
ON CONFLICT (key) DO UPDATE SET spec = excluded.spec, announced_at = excluded.announced_at;
