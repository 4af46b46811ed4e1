-- Read how many bytes the attempts of some runs take, and the steps of their last attempts, about.
SELECT run_id, sum(bytes)::bigint AS bytes
FROM (
    SELECT run_id, 300 + coalesce(octet_length(error::text), 0) AS bytes
    FROM attempts
    WHERE run_id = ANY (%(run_ids)s::text[])
    UNION ALL
    SELECT steps.run_id, 300 + octet_length(steps.name) + coalesce(octet_length(steps.error::text), 0)
    FROM steps
    JOIN runs ON runs.run_id = steps.run_id AND runs.attempt = steps.attempt
    WHERE steps.run_id = ANY (%(run_ids)s::text[])
) AS parts
GROUP BY run_id;
