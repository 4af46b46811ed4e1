-- What is still known of a run that a notice is about: its executor, its error, how many attempts it may have.
SELECT invoke_target, max_attempts, coalesce(error ->> 'type', ''), coalesce(error ->> 'message', '')
FROM runs
WHERE run_id = %(run)s::text;
