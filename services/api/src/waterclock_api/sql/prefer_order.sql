-- Make this transaction read in the order of indexes, row by row up to its limits. The planner would sort all that is left
-- of a job for each page: it takes a busy job for an average one. To compile such a plan costs more than to run it.
SELECT set_config('enable_sort', 'off', true),
       set_config('enable_seqscan', 'off', true),
       set_config('enable_bitmapscan', 'off', true),
       set_config('jit', 'off', true);
