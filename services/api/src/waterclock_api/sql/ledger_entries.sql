-- Read the next events that the ledgers of some jobs are made of, of each job at most `limit`, in their order, after its
-- place: the events of the job itself, and from a time on its decisions (null: no decisions); times in ms. What a run
-- executes is left out of large documents.
-- A job's events are read in the order of their places; their times go back where a clock was set back.
SELECT
    found.job_id, found.partition, found.epoch, found.seq, found.prev,
    (extract(epoch FROM found.at) * 1000)::bigint AS at,
    CASE WHEN octet_length(found.document) <= 8192 THEN found.document ELSE without_params(found.document) END AS document
FROM unnest(%(job_ids)s::text[], %(epochs)s::bigint[], %(seqs)s::bigint[]) AS wanted (job_id, epoch, seq)
CROSS JOIN LATERAL (
    (
        SELECT job_id, partition, epoch, seq, prev, at, document
        FROM events
        WHERE job_id = wanted.job_id
          AND type IN ('job.created', 'job.changed', 'job.enabled', 'job.disabled', 'job.deleted')
          AND (epoch, seq) >= (wanted.epoch, wanted.seq + 1)
        ORDER BY epoch, seq
        LIMIT %(limit)s::int
    )
    UNION ALL
    (
        SELECT job_id, partition, epoch, seq, prev, at, document
        FROM events
        WHERE job_id = wanted.job_id
          AND type IN ('run.requested', 'fire.skipped', 'fire.coalesced')
          AND at >= to_timestamp(%(decided_from)s::bigint / 1000.0)
          AND (epoch, seq) >= (wanted.epoch, wanted.seq + 1)
        ORDER BY epoch, seq
        LIMIT %(limit)s::int
    )
    ORDER BY epoch, seq
    LIMIT %(limit)s::int
) AS found
ORDER BY found.job_id, found.epoch, found.seq;
