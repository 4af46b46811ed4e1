-- Wake those who wait for a position; heard when the transaction commits.
SELECT pg_notify('waterclock_projected', %(position)s::text);
