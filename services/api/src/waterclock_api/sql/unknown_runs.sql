-- Those of some runs that are not known here, in the order in which they were named.
SELECT named.run_id
FROM unnest(%(run_ids)s::text[]) WITH ORDINALITY AS named (run_id, place)
WHERE NOT EXISTS (SELECT FROM runs WHERE runs.run_id = named.run_id)
ORDER BY named.place;
