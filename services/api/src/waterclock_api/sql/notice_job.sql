-- What is still known of a job that a notice is about: its zone, its promise, its time limit.
SELECT definition ->> 'timezone', definition ->> 'promise', (definition ->> 'timeout')::float8
FROM jobs
WHERE job_id = %(job)s::text;
