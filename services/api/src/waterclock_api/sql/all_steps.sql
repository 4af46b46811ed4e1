-- Read the steps of all attempts of a run, in order, at most so many: those of the newest attempts; times in ms.
SELECT run_id, number, attempt, name, status, started_at, finished_at, done, total, error
FROM (
    SELECT
        run_id, number, attempt, name, status,
        (extract(epoch FROM started_at) * 1000)::bigint AS started_at,
        (extract(epoch FROM finished_at) * 1000)::bigint AS finished_at,
        done, total, error
    FROM steps
    WHERE run_id = %(run_id)s::text
    ORDER BY attempt DESC, number DESC
    LIMIT %(limit)s::int
) AS newest
ORDER BY attempt, number;
