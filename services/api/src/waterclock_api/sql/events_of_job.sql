-- As events_of_log, of one job, which lies in one partition.
SELECT found.partition, found.epoch, found.seq, (extract(epoch FROM found.at) * 1000)::bigint AS at, found.fits
FROM unnest(%(partitions)s::int[], %(epochs)s::bigint[], %(seqs)s::bigint[]) AS place (partition, epoch, seq)
CROSS JOIN LATERAL (
    SELECT
        partition, epoch, seq, at,
        (cardinality(%(types)s::text[]) = 0 OR type = ANY (%(types)s::text[]))
        AND CASE WHEN %(actor)s::text IS NULL THEN true ELSE
            actor_of(document) = %(actor)s::text
            OR starts_with(actor_of(document), %(actor_at)s::text)
            AND strpos(substr(actor_of(document), length(%(actor_at)s::text) + 1), '@') = 0
        END AS fits
    FROM events
    WHERE job_id = %(subject)s::text
      AND (epoch, seq) < (place.epoch, place.seq)
      AND at >= date_trunc('month', to_timestamp(%(from)s::bigint / 1000.0), 'UTC')
      AND at <= to_timestamp(%(to)s::bigint / 1000.0)
    ORDER BY epoch DESC, seq DESC
    LIMIT %(most)s::int
) AS found
ORDER BY found.partition, found.epoch DESC, found.seq DESC;
