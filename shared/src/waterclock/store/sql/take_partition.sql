-- Try to be the one projector that works on a partition, until this session gives it back or ends.
SELECT pg_try_advisory_lock(hashtext('waterclock partition'), %(partition)s::int);
