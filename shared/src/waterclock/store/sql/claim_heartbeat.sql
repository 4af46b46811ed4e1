-- Claim the sending of a heartbeat, if one is due and nobody is sending one; how often it has failed since it was sent last.
UPDATE notice_heartbeat
SET claimed_until = clock_timestamp() + make_interval(secs => %(lease)s::float8), claim = %(claim)s::text
WHERE id = 1
  AND (sent_at IS NULL OR sent_at + make_interval(secs => %(every)s::float8) <= clock_timestamp())
  AND (retry_at IS NULL OR retry_at <= clock_timestamp())
  AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
RETURNING failures;
