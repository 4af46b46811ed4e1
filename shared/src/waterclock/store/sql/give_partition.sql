-- Give a partition back.
SELECT pg_advisory_unlock(hashtext('waterclock partition'), %(partition)s::int);
