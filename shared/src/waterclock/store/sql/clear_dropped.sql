-- Delete for good the log lines of a job whose logs were cleared among what repairs have dropped.
DELETE FROM dropped WHERE job_id = %(job_id)s::text AND type = 'step.log';
