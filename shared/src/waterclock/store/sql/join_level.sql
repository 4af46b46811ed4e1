-- Be counted as a projector of a level for as long as this session lives.
SELECT pg_advisory_lock_shared(hashtext('waterclock projectors of a level'), %(level)s::int);
