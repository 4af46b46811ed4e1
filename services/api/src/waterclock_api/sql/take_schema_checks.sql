-- Try to be the one who checks stored jobs, until this session ends. It only saves work.
SELECT pg_try_advisory_lock(hashtext('waterclock schema checks'));
