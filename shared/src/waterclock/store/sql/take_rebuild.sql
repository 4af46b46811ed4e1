-- Try to be the only session that rebuilds, until it ends.
SELECT pg_try_advisory_lock(hashtext('waterclock rebuild'));
