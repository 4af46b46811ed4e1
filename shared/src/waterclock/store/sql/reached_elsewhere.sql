-- Who reaches a later epoch of a partition on another server, as was noted of late.
SELECT server, epoch
FROM reached
WHERE place = %(place)s::int
  AND server <> %(server)s::text
  AND epoch > %(epoch)s::bigint
  AND seen_at > clock_timestamp() - %(within)s::float * interval '1 second'
ORDER BY epoch DESC
LIMIT 1;
