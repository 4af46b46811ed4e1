-- Read where the newest events of some partitions stand, older than a place in each, newest first, at most `most` of each;
-- times in ms. `job_id` or `run_id`: only those of the job or the run, which lies in one partition. Whether one fits the
-- other filters is told beside it (empty arrays and null: no filter), so that what is looked at is bounded. An actor fits
-- that is `actor`, or that has an address, in which there is no @, after `actor_at`. Only months from `from` on are read,
-- and within its month what is older is for the caller; and nothing after the last event of a partition that happened up to
-- its one of `tos`: what stands before that had happened, too, whatever a clock said that was set back later. To be planned
-- anew for each call: which index is read depends on which of the three is asked for.
SELECT found.partition, found.epoch, found.seq, (extract(epoch FROM found.at) * 1000)::bigint AS at, found.fits
FROM unnest(%(partitions)s::int[], %(epochs)s::bigint[], %(seqs)s::bigint[], %(tos)s::bigint[])
    AS place (partition, epoch, seq, until)
CROSS JOIN LATERAL (
    SELECT epoch, seq
    FROM events
    WHERE (partition = place.partition OR %(job_id)s::text IS NOT NULL OR %(run_id)s::text IS NOT NULL)
      AND (job_id = %(job_id)s::text OR %(job_id)s::text IS NULL)
      AND (run_id = %(run_id)s::text OR %(run_id)s::text IS NULL)
      AND (epoch, seq) < (place.epoch, place.seq)
      AND at >= date_trunc('month', to_timestamp(%(from)s::bigint / 1000.0), 'UTC')
      AND at <= to_timestamp(place.until / 1000.0)
    ORDER BY epoch DESC, seq DESC
    LIMIT 1
) AS last
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
    WHERE (partition = place.partition OR %(job_id)s::text IS NOT NULL OR %(run_id)s::text IS NOT NULL)
      AND (job_id = %(job_id)s::text OR %(job_id)s::text IS NULL)
      AND (run_id = %(run_id)s::text OR %(run_id)s::text IS NULL)
      AND (epoch, seq) <= (last.epoch, last.seq)
      AND at >= date_trunc('month', to_timestamp(%(from)s::bigint / 1000.0), 'UTC')
    ORDER BY epoch DESC, seq DESC
    LIMIT %(most)s::int
) AS found
ORDER BY found.partition, found.epoch DESC, found.seq DESC;
