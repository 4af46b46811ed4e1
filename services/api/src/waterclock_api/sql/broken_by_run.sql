-- Read the promises that a run has broken, in the order in which that was known; times in ms.
SELECT
    kind, what, attempt, (extract(epoch FROM due_at) * 1000)::bigint, (extract(epoch FROM at) * 1000)::bigint, position
FROM broken_promises
WHERE run_id = %(run_id)s::text
ORDER BY number
LIMIT %(limit)s::int;
