-- Set what user and database may have set otherwise; returns the schemas that hold our tables, and whether one was chosen: by
-- the URL, as that in which Postgres looks of itself, or as the only one.
WITH ours AS (
    SELECT nspname::text AS name
    FROM pg_class
    JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relname IN ('log_lines', 'migrations', 'partitions') AND relkind = 'r'
    GROUP BY nspname
    HAVING count(*) = 3
), known AS (
    SELECT
        ARRAY(SELECT name FROM ours ORDER BY name) AS homes,
        EXISTS (SELECT FROM ours WHERE name IN (current_user, 'public')) AS usual
)
SELECT
    set_config(
        'search_path',
        CASE
            WHEN %(schema_is_said)s::boolean THEN current_setting('search_path')
            WHEN NOT usual AND cardinality(homes) = 1 THEN quote_ident(homes[1])
            ELSE '"$user", public'
        END,
        false
    ),
    set_config('lock_timeout', '0', false),
    set_config('extra_float_digits', '1', false),
    CASE WHEN NOT %(keeps_limits)s::boolean THEN set_config('statement_timeout', '0', false) END,
    homes,
    %(schema_is_said)s::boolean OR usual OR cardinality(homes) < 2 AS chosen
FROM known;
