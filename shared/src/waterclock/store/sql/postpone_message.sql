-- Note that a message was not delivered, and when it is tried again.
UPDATE notice_deliveries
SET failures = failures + 1,
    due_at = clock_timestamp() + make_interval(secs => %(after)s::float8),
    claimed_until = NULL,
    said = %(said)s::text
WHERE number = %(number)s::bigint AND claim = %(claim)s::text AND state = 'waiting';
