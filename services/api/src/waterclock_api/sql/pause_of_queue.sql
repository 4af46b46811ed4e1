-- Read the event by which a queue was paused, as it is archived.
SELECT (extract(epoch FROM at) * 1000)::bigint, document
FROM events
WHERE partition = %(partition)s::int AND epoch = %(epoch)s::bigint AND seq = %(seq)s::bigint AND type = 'queue.paused';
