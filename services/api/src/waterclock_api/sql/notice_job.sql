-- What is still known of a job that a notice is about.
SELECT definition::text FROM jobs WHERE job_id = %(job)s::text;
