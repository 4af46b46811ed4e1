-- Read a page of what workers ever announced, after a key (null: from the first), with the names of the workers that run
-- it now: of those sessions, or of all that have not left where null is given.
SELECT
    executors.key, executors.spec,
    ARRAY(
        SELECT DISTINCT workers.worker FROM workers
        WHERE workers.left_at IS NULL AND workers.executors ? executors.key
          AND (%(sessions)s::text[] IS NULL OR workers.session = ANY (%(sessions)s::text[]))
        ORDER BY workers.worker
    ) AS workers
FROM executors
WHERE %(after_key)s::text IS NULL OR executors.key > %(after_key)s::text
ORDER BY executors.key
LIMIT %(limit)s::int;
