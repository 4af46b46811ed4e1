-- Read when the last worker left that had an executor in a queue, after a moment (`after`); by the names that runs call
-- the executors by, pairwise with the queues; times in ms.
SELECT
    wanted.name, wanted.queue,
    (extract(epoch FROM max(workers.left_at)) * 1000)::bigint AS left_at
FROM unnest(%(names)s::text[], %(queues)s::text[]) AS wanted (name, queue)
JOIN executors ON executors.key = wanted.name OR executors.spec -> 'aliases' ? wanted.name
JOIN workers ON workers.executors ? executors.key AND workers.queues ? wanted.queue
WHERE workers.left_at > to_timestamp(%(after)s::bigint / 1000.0)
GROUP BY wanted.name, wanted.queue;
