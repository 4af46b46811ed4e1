-- For each of these channels: for how long its oldest message has waited, s, and for how long it has delivered nothing, s; 0: none.
SELECT
    channel,
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - min(put_at))::float8
        FROM notice_deliveries
        WHERE notice_deliveries.channel = named.channel AND state = 'waiting'
    ), 0),
    coalesce((
        SELECT extract(epoch FROM clock_timestamp() - failing_since)::float8
        FROM notice_channels
        WHERE notice_channels.channel = named.channel
    ), 0)
FROM unnest(%(channels)s::text[]) AS named (channel);
