-- Be counted as one of a kind of process for as long as this session lives.
SELECT pg_advisory_lock_shared(hashtext(%(sharers)s::text), 0);
