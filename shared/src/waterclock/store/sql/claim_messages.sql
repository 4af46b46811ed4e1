-- Claim messages of some channels that may go out, each channel's at most so many: the first of each subject, if it is due and
-- nobody has it. What stands for many lets nothing that came later pass; what is old waits until it is told in such a one.
WITH waiting AS (
    SELECT
        number, channel, subject, is_old, due_at, claimed_until,
        row_number() OVER (PARTITION BY channel, subject ORDER BY number) AS nth_of_subject,
        count(*) FILTER (WHERE subject = '*') OVER (PARTITION BY channel ORDER BY number) AS digests_before
    FROM notice_deliveries
    WHERE state = 'waiting' AND channel = ANY (%(channels)s::text[])
), free AS (
    SELECT number, row_number() OVER (PARTITION BY channel ORDER BY number) AS nth, channel
    FROM waiting
    WHERE nth_of_subject = 1
      AND (digests_before = 0 OR subject = '*')
      AND NOT is_old
      AND due_at <= clock_timestamp()
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
), allowed AS (
    SELECT free.number
    FROM free
    JOIN unnest(%(channels)s::text[], %(most)s::int[]) AS budget (channel, most) USING (channel)
    WHERE free.nth <= budget.most
)
UPDATE notice_deliveries AS claimed
SET claimed_until = clock_timestamp() + make_interval(secs => %(lease)s::float8), claim = %(claim)s::text,
    claim_owner = %(owner)s::int
FROM allowed
WHERE claimed.number = allowed.number
  AND claimed.state = 'waiting'
  AND (claimed.claimed_until IS NULL OR claimed.claimed_until <= clock_timestamp())
RETURNING
    claimed.number, claimed.channel, claimed.message, claimed.failures, claimed.digest,
    (SELECT document FROM notices WHERE id = claimed.notice_id),
    extract(epoch FROM clock_timestamp() - claimed.put_at)::float8;
