-- Note that a message was delivered or given up, if it is still claimed by the caller.
UPDATE notice_deliveries
SET state = %(state)s::text, settled_at = clock_timestamp(), claimed_until = NULL, said = %(said)s::text
WHERE number = %(number)s::bigint AND claim = %(claim)s::text AND state = 'waiting';
