-- Note how it ended that the breaker was to disable a job, if it is still claimed by the caller.
UPDATE notice_trips
SET state = %(state)s::text, settled_at = clock_timestamp(), claimed_until = NULL, said = %(said)s::text
WHERE id = %(id)s::text AND claim = %(claim)s::text AND state = 'waiting';
