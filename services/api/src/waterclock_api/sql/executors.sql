-- Read what workers ever announced, with the names of the workers that run it now.
SELECT
    executors.key, executors.spec,
    ARRAY(
        SELECT DISTINCT workers.worker FROM workers
        WHERE workers.left_at IS NULL AND workers.executors ? executors.key
        ORDER BY workers.worker
    ) AS workers
FROM executors
ORDER BY executors.key;
