-- Free what notifiers had claimed that are not there any more: they held a lock of a session that has ended since.
WITH present AS MATERIALIZED (
    SELECT objid::bigint AS number
    FROM pg_locks
    WHERE locktype = 'advisory'
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = (hashtext(%(present)s::text)::bit(32)::bigint)::oid
      AND objsubid = 2
      AND granted
), trips AS (
    UPDATE notice_trips
    SET claimed_until = NULL
    WHERE state = 'waiting'
      AND claimed_until > clock_timestamp()
      AND claim_owner IS NOT NULL
      AND claim_owner NOT IN (SELECT number FROM present)
)
UPDATE notice_deliveries
SET claimed_until = NULL
WHERE state = 'waiting'
  AND claimed_until > clock_timestamp()
  AND claim_owner IS NOT NULL
  AND claim_owner NOT IN (SELECT number FROM present);
