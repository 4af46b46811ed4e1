-- Let another session forget.
SELECT pg_advisory_unlock(hashtext('waterclock retention'));
