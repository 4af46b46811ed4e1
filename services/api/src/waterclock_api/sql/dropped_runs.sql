-- Of some runs that repairs have dropped: by what event each ended among what was dropped, and whether it is known all the
-- same, for it was asked for again.
SELECT
    named.run_id,
    (SELECT min(type) FROM dropped WHERE dropped.run_id = named.run_id AND type = ANY (%(ends)s::text[])),
    EXISTS (SELECT FROM runs WHERE runs.run_id = named.run_id)
FROM unnest(%(run_ids)s::text[]) AS named (run_id);
