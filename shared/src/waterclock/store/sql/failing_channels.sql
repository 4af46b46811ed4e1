-- Channels that have delivered nothing for so many seconds though they were tried: since how many, and what was said last.
SELECT channel, extract(epoch FROM clock_timestamp() - failing_since)::float8, coalesce(said, '')
FROM notice_channels
WHERE failing_since < clock_timestamp() - make_interval(secs => %(seconds)s::float8)
ORDER BY channel;
