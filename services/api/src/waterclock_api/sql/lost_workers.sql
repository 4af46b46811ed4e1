-- Count the workers that were lost since a time, ms.
SELECT count(*)
FROM workers
WHERE left_reason = 'lost' AND left_at > to_timestamp(%(since)s::bigint / 1000.0);
