-- Note that the breaker could not disable a job, and when it is tried again.
UPDATE notice_trips
SET failures = failures + 1,
    due_at = clock_timestamp() + make_interval(secs => %(after)s::float8),
    claimed_until = NULL,
    said = %(said)s::text
WHERE id = %(id)s::text AND claim = %(claim)s::text AND state = 'waiting';
