-- End each statement of this session that takes longer than so many ms, or as long as is set already, if that is less.
SELECT set_config('statement_timeout', least(nullif(setting::bigint, 0), %(ms)s::bigint)::text, false)
FROM pg_settings
WHERE name = 'statement_timeout';
