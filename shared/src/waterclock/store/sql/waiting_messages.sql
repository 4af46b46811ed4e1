-- For each channel: messages that wait and stand for one notice, how many of them are old, for how long the newest and the oldest
-- have waited (s), and how many were sent in the last minute, or are being sent.
SELECT
    channel, coalesce(waiting, 0), coalesce(old, 0), coalesce(newest, 0)::float8, coalesce(oldest, 0)::float8,
    (
        SELECT count(*)
        FROM notice_deliveries AS sent
        WHERE sent.channel = named.channel
          AND state = 'delivered'
          AND settled_at > clock_timestamp() - interval '1 minute'
    ) + (
        SELECT count(*)
        FROM notice_deliveries AS claimed
        WHERE claimed.channel = named.channel AND state = 'waiting' AND claimed_until > clock_timestamp()
    )
FROM unnest(%(channels)s::text[]) AS named (channel)
LEFT JOIN (
    SELECT
        channel, count(*) AS waiting, count(*) FILTER (WHERE is_old) AS old,
        extract(epoch FROM clock_timestamp() - max(put_at)) AS newest,
        extract(epoch FROM clock_timestamp() - min(put_at)) AS oldest
    FROM notice_deliveries
    WHERE state = 'waiting'
      AND digest IS NULL
      AND failures = 0
      AND (claimed_until IS NULL OR claimed_until <= clock_timestamp())
    GROUP BY channel
) AS found USING (channel);
