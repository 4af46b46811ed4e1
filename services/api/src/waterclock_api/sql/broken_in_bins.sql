-- Count in bins, which begin and end at `edges`, ms, the promises of some jobs that were broken: by the bins of the first and
-- of the last scheduled time that each is about, or of when it was due. Bins are numbered from 1.
WITH places AS (
    SELECT array_agg(to_timestamp(edge / 1000.0) ORDER BY edge) AS edges,
        to_timestamp(min(edge) / 1000.0) AS first, to_timestamp(max(edge) / 1000.0) AS last
    FROM unnest(%(edges)s::bigint[]) AS given (edge)
)
SELECT
    broken.job_id, width_bucket(broken.first_at, places.edges), width_bucket(broken.last_at, places.edges), count(*)
FROM places
JOIN broken_promises AS broken ON broken.last_at >= places.first AND broken.first_at < places.last
WHERE broken.job_id = ANY (%(job_ids)s::text[])
GROUP BY 1, 2, 3;
