-- Try to be the only session that forgets, or that relies on nothing being forgotten, until it ends or gives this back.
SELECT pg_try_advisory_lock(hashtext('waterclock retention'));
