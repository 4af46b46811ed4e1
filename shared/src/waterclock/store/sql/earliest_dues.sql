-- For each of these partitions: its earliest deadline that is not judged, ms, and what is known of its place. Read by an index.
SELECT
    partition,
    (
        SELECT (extract(epoch FROM due_at) * 1000)::bigint
        FROM notice_facts
        WHERE notice_facts.partition = asked.partition AND due_at IS NOT NULL
        ORDER BY due_at
        LIMIT 1
    ),
    (SELECT document FROM notice_facts WHERE key = asked.place)
FROM unnest(%(partitions)s::int[], %(places)s::text[]) AS asked (partition, place);
