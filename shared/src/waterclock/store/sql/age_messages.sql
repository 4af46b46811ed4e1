-- Let what has waited for long be told in digests.
UPDATE notice_deliveries SET is_old = true
WHERE state = 'waiting' AND notice_id IS NOT NULL AND put_at < clock_timestamp() - make_interval(secs => %(old)s::float8)
  AND NOT is_old;
