-- Those of these channels that have delivered nothing for so many seconds, or have given a message up, and what was said last.
SELECT channel, coalesce(said, '')
FROM notice_channels
WHERE channel = ANY (%(channels)s::text[])
  AND (given_up_at IS NOT NULL OR failing_since <= clock_timestamp() - make_interval(secs => %(after)s::float8));
