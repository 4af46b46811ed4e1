-- Claim the sending of a heartbeat, if one is due and nobody is sending one; how often it has failed since it was sent last.
INSERT INTO notice_heartbeat AS kept (id, claimed_until, claim)
VALUES (1, clock_timestamp() + make_interval(secs => %(lease)s::float8), %(claim)s::text)
ON CONFLICT (id) DO UPDATE
SET claimed_until = excluded.claimed_until, claim = excluded.claim
WHERE (kept.sent_at IS NULL OR kept.sent_at + make_interval(secs => %(every)s::float8) <= clock_timestamp())
  AND (kept.retry_at IS NULL OR kept.retry_at <= clock_timestamp())
  AND (kept.claimed_until IS NULL OR kept.claimed_until <= clock_timestamp())
RETURNING failures;
