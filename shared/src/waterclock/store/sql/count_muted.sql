-- How many messages of a channel are muted that would have told of something between two moments, inclusive; ms.
SELECT count(*)
FROM notice_deliveries
JOIN notices ON notices.id = notice_deliveries.notice_id
WHERE channel = %(channel)s::text
  AND state = 'muted'
  AND settled_at >= to_timestamp(%(since)s::bigint / 1000.0) - interval '1 minute'
  AND notices.at BETWEEN to_timestamp(%(since)s::bigint / 1000.0) AND to_timestamp(%(through)s::bigint / 1000.0);
