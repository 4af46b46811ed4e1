-- Note messages that were delivered before they could be put into the outbox; those that wait there are not sent again.
INSERT INTO notice_deliveries (channel, message, subject, notice_id, takes_back, state, settled_at)
SELECT channel, message, subject, notice_id, takes_back, 'delivered', clock_timestamp()
FROM unnest(
    %(channels)s::text[], %(messages)s::text[], %(subjects)s::text[], %(notices)s::text[], %(takes_back)s::text[]
) WITH ORDINALITY AS given (channel, message, subject, notice_id, takes_back, nth)
ORDER BY nth
ON CONFLICT (channel, message) DO UPDATE
SET state = 'delivered', settled_at = clock_timestamp(), claimed_until = NULL
WHERE notice_deliveries.state = 'waiting';
