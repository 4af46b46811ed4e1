-- Claim jobs that the breaker is to disable, if they are due and nobody has them; and read what is open of each.
WITH free AS (
    SELECT id
    FROM notice_trips
    WHERE state = 'waiting'
      AND due_at <= clock_timestamp()
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
    ORDER BY due_at
    LIMIT %(most)s::int
    FOR UPDATE SKIP LOCKED
)
UPDATE notice_trips AS claimed
SET claimed_until = clock_timestamp() + make_interval(secs => %(lease)s::float8), claim = %(claim)s::text,
    claim_owner = %(owner)s::int
FROM free
WHERE claimed.id = free.id
RETURNING claimed.document, claimed.failures, (SELECT document FROM notice_facts WHERE key = %(prefix)s::text || claimed.job_id);
