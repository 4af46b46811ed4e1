-- Forget events that nobody could read as events of their time are forgotten, so many at once.
DELETE FROM quarantine
WHERE (partition, epoch, seq) IN (
    SELECT partition, epoch, seq
    FROM quarantine
    WHERE at < (SELECT before FROM forgotten WHERE what = 'events')
    LIMIT %(limit)s::int
);
