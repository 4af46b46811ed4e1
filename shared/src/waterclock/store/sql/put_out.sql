-- Put messages into the outbox, in their order; those that a channel has already are not put there again. What is old when it
-- is judged is told in a digest; times in ms.
INSERT INTO notice_deliveries (channel, message, subject, notice_id, takes_back, repeats, state, is_old)
SELECT
    channel, message, subject, notice_id, takes_back, repeats, 'waiting',
    to_timestamp(at / 1000.0) < clock_timestamp() - make_interval(secs => %(old)s::float8)
FROM unnest(
    %(channels)s::text[], %(messages)s::text[], %(subjects)s::text[], %(notices)s::text[], %(takes_back)s::text[],
    %(repeats)s::text[], %(ats)s::bigint[]
) WITH ORDINALITY AS given (channel, message, subject, notice_id, takes_back, repeats, at, nth)
ORDER BY nth
ON CONFLICT DO NOTHING;
