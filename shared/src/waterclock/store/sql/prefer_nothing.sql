-- Have the planner choose again in this transaction as it would without `prefer_lookups`: for statements that read all of a table.
SELECT set_config(name, reset_val, true)
FROM pg_settings
WHERE name IN ('enable_hashjoin', 'enable_mergejoin', 'enable_seqscan', 'enable_material', 'plan_cache_mode');
