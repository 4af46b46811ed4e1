-- Delete so many messages that stood for many notices and ended more than so many seconds ago.
DELETE FROM notice_deliveries
WHERE number IN (
    SELECT number
    FROM notice_deliveries
    WHERE notice_id IS NULL
      AND state <> 'waiting'
      AND settled_at < clock_timestamp() - make_interval(secs => %(age)s::float8)
    LIMIT %(limit)s::int
);
