-- Try to be the only session that forgets notices, until it ends.
SELECT pg_try_advisory_lock(hashtext('waterclock notices kept'));
