-- Read how many bytes the attempts of a run take, and the steps of all of them, about; of the steps at most so many.
SELECT coalesce(sum(bytes), 0)::bigint AS bytes
FROM (
    SELECT 300 + coalesce(octet_length(error::text), 0) AS bytes
    FROM attempts
    WHERE run_id = %(run_id)s::text
    UNION ALL
    (
        SELECT 300 + octet_length(name) + coalesce(octet_length(error::text), 0)
        FROM steps
        WHERE run_id = %(run_id)s::text
        ORDER BY attempt DESC, number DESC
        LIMIT %(limit)s::int
    )
) AS parts;
