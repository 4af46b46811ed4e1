-- Make this transaction find old rows by their keys. The planner would guess wrong: it sees neither how many rows a batch
-- has nor how fast a table grows while a plan is kept, and reads a whole table that was small when it planned. For an empty one
-- it would keep a plan that reads all of an index, once into memory: that is forbidden, and none is kept while there are few runs.
SELECT set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_material', 'off', true),
       set_config(
           'plan_cache_mode',
           CASE WHEN pg_relation_size('runs') < 1048576 THEN 'force_custom_plan' ELSE 'auto' END,
           true
       );
