-- Delete so many orders of the breaker that were settled more than so many seconds ago.
DELETE FROM notice_trips
WHERE id IN (
    SELECT id
    FROM notice_trips
    WHERE state <> 'waiting' AND settled_at < clock_timestamp() - make_interval(secs => %(age)s::float8)
    LIMIT %(limit)s::int
);
