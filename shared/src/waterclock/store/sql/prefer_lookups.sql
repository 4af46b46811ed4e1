-- Make this transaction find old rows by their keys. The planner would guess wrong: it sees neither how many rows a batch
-- has nor how fast a table grows while a plan is kept, and reads a whole table that was small when it planned.
SELECT set_config('enable_hashjoin', 'off', true),
       set_config('enable_mergejoin', 'off', true),
       set_config('enable_seqscan', 'off', true);
