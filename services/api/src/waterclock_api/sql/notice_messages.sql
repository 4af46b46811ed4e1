-- Read how messages of channels are doing; times in ms.
SELECT
    channel, message, state, failures, (extract(epoch FROM due_at) * 1000)::bigint,
    (extract(epoch FROM settled_at) * 1000)::bigint, said
FROM notice_deliveries
JOIN unnest(%(channels)s::text[], %(messages)s::text[]) AS asked (channel, message) USING (channel, message);
