-- Be counted as a projector for as long as this session lives.
SELECT pg_advisory_lock_shared(hashtext('waterclock projectors'), 0);
