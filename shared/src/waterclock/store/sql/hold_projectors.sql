-- Try to keep projectors from starting for as long as this session lives; false: there are some.
SELECT pg_try_advisory_lock(hashtext('waterclock projectors'), 0);
