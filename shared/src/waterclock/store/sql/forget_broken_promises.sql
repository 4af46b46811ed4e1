-- Let go promises that were broken so long ago, at most so many: they were recorded in the order of their numbers.
DELETE FROM broken_promises
WHERE number IN (
    SELECT number
    FROM (SELECT number, recorded_at FROM broken_promises ORDER BY number LIMIT %(limit)s::int) AS oldest
    WHERE recorded_at < clock_timestamp() - make_interval(secs => %(age)s::float8)
);
