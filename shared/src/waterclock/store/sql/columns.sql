-- The columns of a table that can be written, in their order.
SELECT column_name
FROM information_schema.columns
WHERE table_schema = %(schema)s::text AND table_name = %(table)s::text AND is_generated = 'NEVER'
ORDER BY ordinal_position;
