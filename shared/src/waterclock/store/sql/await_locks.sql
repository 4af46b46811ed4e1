-- Have this transaction wait for a lock for so many ms at most.
SELECT set_config('lock_timeout', %(ms)s::int::text, true);
