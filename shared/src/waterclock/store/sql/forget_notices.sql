-- Delete so many notices that are older than so many seconds, with their messages. What a message waits for stays, and what opened
-- something that lasts: the trouble of its job names it.
WITH old AS (
    SELECT id
    FROM notices
    WHERE at < clock_timestamp() - make_interval(secs => %(age)s::float8)
      AND recorded_at < clock_timestamp() - make_interval(secs => %(age)s::float8)
      AND NOT EXISTS (
          SELECT FROM notice_deliveries
          WHERE state = 'waiting' AND (notice_id = notices.id OR takes_back = notices.id)
      )
      AND NOT EXISTS (
          SELECT FROM notice_facts
          WHERE key = 'trouble ' || notices.job_id AND position(convert_to(notices.id, 'UTF8') IN document) > 0
      )
    ORDER BY at, id
    LIMIT %(limit)s::int
)
DELETE FROM notices USING old WHERE notices.id = old.id;
