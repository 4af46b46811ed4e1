-- Delete so many readings of clocks that are older than so many seconds.
DELETE FROM notice_readings
WHERE (partition, clock_at, epoch, seq) IN (
    SELECT partition, clock_at, epoch, seq
    FROM notice_readings
    WHERE clock_at < clock_timestamp() - make_interval(secs => %(age)s::float8)
    LIMIT %(limit)s::int
);
