-- Ended runs: how many there are (counted in a small table, else as the server estimates), how many bytes all runs take with
-- what belongs to them, and how many ended in the last day.
SELECT
    CASE
        WHEN known.estimate < 100000 THEN (SELECT count(*) FROM runs WHERE finished_at IS NOT NULL)
        ELSE known.estimate
    END AS ended,
    known.bytes,
    (SELECT count(*) FROM runs WHERE finished_at > now() - interval '1 day') AS lately
FROM (
    SELECT
        (SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = 'runs'::regclass) AS estimate,
        pg_total_relation_size('runs') + pg_total_relation_size('attempts') + pg_total_relation_size('steps')
        + pg_total_relation_size('log_lines') AS bytes
) AS known;
