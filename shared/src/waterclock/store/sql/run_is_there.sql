-- A row, if the run is there.
SELECT run_id FROM runs WHERE run_id = %(run_id)s::text;
