-- Give a partition back.
SELECT pg_advisory_unlock(hashtext(%(sharers)s::text), %(partition)s::int);
