-- Try to be the one process of its kind that works on a partition, until this session gives it back or ends.
SELECT pg_try_advisory_lock(hashtext(%(sharers)s::text), %(partition)s::int);
